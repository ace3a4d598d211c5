import math

import pytest

from thumbprint.comparison.analysis.statistics import holm, permutation_p_value, signed_rank


def test_permutation_test_matches_a_hand_computed_p():
    def difference(a, b, axis):
        return a.mean(axis) - b.mean(axis)

    # There are 6 ways to choose 2 of 4 users. Only one gives a difference as large as the observed one.
    assert permutation_p_value([[3.0, 4.0], [1.0, 2.0]], difference, seed=0) == pytest.approx(1 / 6)


def test_signed_rank_matches_a_hand_computed_p():
    # Ranks of the negative differences sum to 1 (one of 2^5 sign patterns has 0, one has 1): p = 2 * 2/32.
    assert signed_rank([-0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(4 / 32)
    assert signed_rank([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 32)


def test_signed_rank_drops_differences_of_zero():
    assert signed_rank([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.0]) == pytest.approx(2 / 32)
    assert signed_rank([0.0, 0.0]) == 1.0


def test_signed_rank_of_many_users_uses_the_normal_approximation():
    # 60 ranks that alternate in sign: W = 930 for the even ones, mean 915, variance 60 * 61 * 121 / 24.
    alternating = [(-1) ** i * i for i in range(1, 61)]
    z = (915 - 900) / (60 * 61 * 121 / 24) ** 0.5
    assert signed_rank(alternating) == pytest.approx(math.erfc(z / 2**0.5), abs=1e-9)


def test_holm_matches_hand_computed_p():
    # The sorted values 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1 give 0.04, 0.06, 0.06, 0.5: never falling, at most 1.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.4, 0.03]) == pytest.approx([0.4, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
