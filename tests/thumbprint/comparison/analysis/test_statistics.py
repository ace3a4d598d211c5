import math

import numpy as np
import pytest

from thumbprint.comparison.analysis.statistics import (
    bootstrap_interval,
    bootstrap_mean,
    fraction_estimate,
    holm,
    mcnemar,
    permutation_p_value,
    relative_gain,
    signed_rank,
)


def test_bootstrap_draws_all_columns_of_a_user_together():
    table = np.array([[0, 1, 2, 3, 4, 5], [10, 11, 12, 13, 14, 15]], float)
    low, high = bootstrap_interval([table], np.mean, seed=3)
    assert low.shape == high.shape == (2,)
    assert (low[1] - low[0], high[1] - high[0]) == pytest.approx((10, 10))
    assert 0 <= low[0] < 2.5 < high[0] <= 5


def test_permutation_test_matches_a_hand_computed_p():
    def difference(a, b, axis):
        return a.mean(axis) - b.mean(axis)

    # There are 6 ways to choose 2 of 4 users. Only one gives a difference as large as the observed one.
    assert permutation_p_value([[3.0, 4.0], [1.0, 2.0]], difference, seed=0) == pytest.approx(1 / 6)


def test_bootstrap_is_reproducible_and_agrees_with_the_normal_approximation():
    values = list(np.random.default_rng(0).normal(5, 2, 400))
    estimate = bootstrap_mean(values, 7)
    assert estimate == bootstrap_mean(values, 7)
    error = np.std(values) / 20
    assert estimate.value == pytest.approx(np.mean(values))
    assert estimate.low == pytest.approx(estimate.value - 1.96 * error, abs=0.15 * error)
    assert estimate.high == pytest.approx(estimate.value + 1.96 * error, abs=0.15 * error)


def test_batches_of_resamples_have_the_same_distribution(monkeypatch):
    whole = bootstrap_mean(list(range(10)), seed=0)
    monkeypatch.setattr("thumbprint.comparison.analysis.statistics._MAX_DRAWN", 30)
    batched = bootstrap_mean(list(range(10)), seed=0)
    assert (batched.low, batched.high) == pytest.approx((whole.low, whole.high), abs=0.2)


def test_few_users_have_no_interval_and_no_users_no_mean():
    assert bootstrap_mean([0.1, 0.3]).model_dump() == pytest.approx({"value": 0.2, "low": None, "high": None})
    with pytest.raises(ValueError, match="no users"):
        bootstrap_mean([])


def test_relative_gain_is_the_ratio_of_means_not_the_mean_of_ratios():
    estimate = relative_gain([0.2, 0.4, 0.3, 0.3, 0.3], [0.1, 0.4, 0.2, 0.3, 0.2], seed=0)
    assert estimate.value == pytest.approx(1.5 / 1.2 - 1)
    assert 0 <= estimate.low < estimate.value < estimate.high


def test_relative_gain_of_equal_ratios_has_an_interval_of_zero_width():
    shared = [0.1, 0.2, 0.3, 0.4, 0.5]
    estimate = relative_gain([1.1 * x for x in shared], shared, seed=0)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.1, 0.1, 0.1))


def test_relative_gain_without_users_or_shared_recall():
    assert relative_gain([], [], 0) is None
    assert relative_gain([0.1, 0.2], [0.0, 0.0], 0) is None
    resampled_to_zero = relative_gain([0.1] * 5, [0.0, 0.0, 0.0, 0.0, 0.1], 0)
    assert resampled_to_zero.value == pytest.approx(4) and resampled_to_zero.low is None
    with pytest.raises(ValueError, match="pair the users"):
        relative_gain([0.1], [], 0)


def test_wilson_interval_matches_the_formula():
    # 2 of 10, z = 1.96: centre (0.2 + z²/20) / (1 + z²/10), half width z·sqrt(0.016 + z²/400) / (1 + z²/10)
    z2 = 1.959964**2
    centre, half = (0.2 + z2 / 20) / (1 + z2 / 10), (z2 * (0.016 + z2 / 400)) ** 0.5 / (1 + z2 / 10)
    estimate = fraction_estimate(2, 10)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.2, centre - half, centre + half), abs=1e-6)


def test_a_share_of_zero_has_an_interval_above_zero():
    estimate = fraction_estimate(0, 10)
    assert estimate.low == pytest.approx(0, abs=1e-12) and estimate.high == pytest.approx(0.2775, abs=1e-4)
    assert fraction_estimate(0, 0) is None


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


def test_mcnemar_matches_hand_computed_p():
    # 1 gained and 5 lost: 2 * (C(6,0) + C(6,1)) / 2^6. Equal numbers, or none: 1. 6 gained and 0 lost: 2 / 2^6.
    assert mcnemar([1, 3, 0, 6], [5, 3, 0, 0]) == pytest.approx([14 / 64, 1, 1, 2 / 64])
    assert mcnemar([], []) == []


def test_holm_matches_hand_computed_p():
    # The sorted values 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1 give 0.04, 0.06, 0.06, 0.5: never falling, at most 1.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.4, 0.03]) == pytest.approx([0.4, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
