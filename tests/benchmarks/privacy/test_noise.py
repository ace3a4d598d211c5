"""The noise of the mechanisms in the table, against matrices that are written out."""

import numpy as np
import pytest

from benchmarks.privacy import noise
from federated.privacy.mechanisms import TreeNoise


def test_independent_noise_is_that_of_the_server_s_matrix():
    server = noise.server_matrix(9)
    assert noise.independent(9, 3, 3) == pytest.approx(np.sqrt((server**2).sum(1).mean() * 3))


def test_a_tree_of_one_round_is_plain_noise():
    assert noise.tree(1, 1, 1) == pytest.approx(1.0)
    assert noise.tree(8, 1, 8) < noise.independent(8, 1, 8) * TreeNoise(8).sensitivity(8, 1, 8)


def test_the_banded_root_with_all_bands_is_the_square_root_of_the_server_s_matrix():
    server = noise.server_matrix(12)
    values, rounds = noise.banded(12, 1, 12), np.arange(12)
    series = np.convolve(noise._power(1.0, 12), noise._power(noise.MOMENTUM, 12))[:12]
    root = np.where((ages := np.subtract.outer(rounds, rounds)) >= 0, series[np.maximum(ages, 0)], 0.0)
    np.testing.assert_allclose(root @ root, server)
    assert values == pytest.approx(np.linalg.norm(root[:, 0]) * np.sqrt((root**2).sum(1).mean()))


def test_the_default_is_within_two_percent_of_four_buffers():
    assert noise.blt(2)(200, 1, 200) < 1.02 * noise.blt(4)(200, 1, 200)
