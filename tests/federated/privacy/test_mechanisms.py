"""The sensitivity and the error of the noise, against matrices and accountants that are written out."""

import itertools

import numpy as np
import pytest
from scipy.linalg import toeplitz
from tensorflow_privacy.privacy.analysis.tree_aggregation_accountant import compute_zcdp_single_tree

from federated.privacy.mechanisms import BufferedNoise, IndependentNoise, TreeNoise

BLT = BufferedNoise(decays=(0.9, 0.5), weights=(0.4, 0.3))


def matrix(noise: BufferedNoise, rounds: int) -> np.ndarray:
    """C of the class's docstring, entry by entry."""
    coefficients = [
        1.0,
        *(sum(w * d ** (i - 1) for d, w in zip(noise.decays, noise.weights, strict=True)) for i in range(1, rounds)),
    ]
    return np.tril(toeplitz(coefficients))


def patterns(rounds: int, turns: int, separation: int):
    """Yields all sets of rounds in which a client may take part."""
    for number in range(1, turns + 1):
        for chosen in itertools.combinations(range(rounds), number):
            if all(later - earlier >= separation for earlier, later in itertools.pairwise(chosen)):
                yield list(chosen)


@pytest.mark.parametrize(("rounds", "turns", "separation"), [(1, 1, 1), (7, 1, 7), (8, 3, 2), (9, 4, 1), (10, 3, 4)])
def test_the_sensitivity_of_buffered_noise_is_that_of_the_worst_participation(rounds, turns, separation):
    columns = matrix(BLT, rounds)
    worst = max(np.linalg.norm(columns[:, chosen].sum(1)) for chosen in patterns(rounds, turns, separation))
    assert BLT.sensitivity(rounds, turns, separation) == pytest.approx(worst)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_error_of_buffered_noise_is_that_of_its_matrix(momentum):
    rounds = 12
    server = np.tril(toeplitz(np.cumsum(momentum ** np.arange(rounds))))
    in_weights = server @ np.linalg.inv(matrix(BLT, rounds))
    assert BLT.error(rounds, momentum) == pytest.approx(np.sqrt((in_weights**2).sum(1).mean()))


def test_the_sensitivity_of_trees_is_just_above_the_exact_one():
    ratios = []
    for rounds, turns, separation in itertools.product((1, 2, 3, 8, 16, 20, 33, 64), (1, 2, 3, 5), (1, 2, 5, 8, 20)):
        if separation > rounds:
            continue
        # TensorFlow Privacy counts the rounds between two turns.
        exact = np.sqrt(2 * compute_zcdp_single_tree(1.0, rounds, turns, separation - 1))
        ratios.append(TreeNoise(rounds).sensitivity(rounds, turns, separation) / exact)
    assert min(ratios) >= 1 - 1e-9
    assert max(ratios) < 1.21 and np.mean(ratios) < 1.02


def test_trees_that_restart_count_only_the_nodes_of_their_own_height():
    assert TreeNoise(4).sensitivity(rounds=16, turns=1, separation=16) == pytest.approx(np.sqrt(3))
    assert TreeNoise(16).sensitivity(rounds=16, turns=1, separation=16) == pytest.approx(np.sqrt(5))


def test_independent_noise_counts_the_turns_that_fit_into_the_rounds():
    assert IndependentNoise().sensitivity(rounds=100, turns=9, separation=25) == pytest.approx(2.0)


@pytest.mark.parametrize(("rounds", "turns", "separation"), [(200, 1, 200), (400, 10, 40), (1000, 10, 100)])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_optimal_noise_beats_independent_noise_and_fixed_coefficients(rounds, turns, separation, momentum):
    def total(noise):
        return noise.error(rounds, momentum) * noise.sensitivity(rounds, turns, separation)

    best = BufferedNoise.optimal(rounds, turns, separation, momentum)
    assert total(best) < total(BLT)
    assert total(best) < 0.35 * total(BufferedNoise((0.5,), (0.0,)))  # C = I
    coefficients = best.coefficients(rounds)
    assert np.all(coefficients > 0) and np.all(np.diff(coefficients) <= 1e-12), "the theorem needs decreasing ones"


def test_the_optimal_noise_of_one_round_is_plain_noise():
    best = BufferedNoise.optimal(1, 1, 1, momentum=0.9)
    assert best.sensitivity(1, 1, 1) == 1.0 and best.error(1, 0.9) == 1.0
