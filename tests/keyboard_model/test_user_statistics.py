import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyboard_model import user_statistics
from keyboard_model.metrics import Estimate, Spread
from keyboard_model.user_statistics import bootstrap_interval, fraction, mean, pooled, relative_gain, spread


def test_bootstrap_draws_all_columns_of_a_user_together():
    table = np.array([[0, 1, 2, 3, 4, 5], [10, 11, 12, 13, 14, 15]], float)
    low, high = bootstrap_interval([table], np.mean, seed=3)
    assert low.shape == high.shape == (2,)
    assert (low[1] - low[0], high[1] - high[0]) == pytest.approx((10, 10))
    assert 0 <= low[0] < 2.5 < high[0] <= 5


def test_bootstrap_draws_samples_of_other_users_apart():
    def difference(a, b, axis):
        return a.mean(axis) - b.mean(axis)

    same = list(range(10))
    assert bootstrap_interval([same, same], difference, seed=0, paired=True) == (0, 0)
    low, high = bootstrap_interval([same, same], difference, seed=0)
    assert low < -1 and high > 1


def test_bootstrap_is_reproducible_and_agrees_with_the_normal_approximation():
    values = list(np.random.default_rng(0).normal(5, 2, 400))
    estimate = mean(values, 7)
    assert estimate == mean(values, 7)
    error = np.std(values) / 20
    assert estimate.value == pytest.approx(np.mean(values))
    assert estimate.low == pytest.approx(estimate.value - 1.96 * error, abs=0.15 * error)
    assert estimate.high == pytest.approx(estimate.value + 1.96 * error, abs=0.15 * error)


def test_batches_of_resamples_have_the_same_distribution(monkeypatch):
    whole = mean(list(range(10)), seed=0)
    monkeypatch.setattr(user_statistics, "_MAX_DRAWN", 30)
    batched = mean(list(range(10)), seed=0)
    assert (batched.low, batched.high) == pytest.approx((whole.low, whole.high), abs=0.2)


def test_few_users_have_no_interval_and_no_users_no_mean():
    assert mean([0.1, 0.3]) == Estimate(pytest.approx(0.2), None, None)
    with pytest.raises(ValueError, match="no users"):
        mean([])


def test_a_pooled_figure_counts_every_word_once_and_draws_whole_users():
    hits, words = [10, 10, 10, 10, 700], [100, 100, 100, 100, 1000]
    found = pooled(hits, words)
    assert found.value == pytest.approx(740 / 1400)
    # Samples without the user who writes most have 10 %; words drawn one by one would stay within 50 to 56 %.
    assert found.low == pytest.approx(0.1) and found.high > 0.6
    assert pooled([0, 0], [0, 0]) is None


def test_relative_gain_is_the_ratio_of_means_not_the_mean_of_ratios():
    found = relative_gain([0.2, 0.4, 0.3, 0.3, 0.3], [0.1, 0.4, 0.2, 0.3, 0.2])
    assert found.value == pytest.approx(1.5 / 1.2 - 1)
    assert 0 <= found.low < found.value < found.high


def test_relative_gain_of_medians():
    found = relative_gain([0.2, 0.4, 0.3, 0.5, 0.9], [0.1, 0.4, 0.2, 0.3, 0.2], average=np.median)
    assert found.value == pytest.approx(0.4 / 0.2 - 1)
    assert found.low < found.value < found.high


def test_relative_gain_of_equal_ratios_has_an_interval_of_zero_width():
    shared = [0.1, 0.2, 0.3, 0.4, 0.5]
    found = relative_gain([1.1 * x for x in shared], shared)
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))


def test_relative_gain_without_users_or_shared_recall():
    assert relative_gain([], []) is None
    assert relative_gain([0.1, 0.2], [0.0, 0.0]) is None
    resampled_to_zero = relative_gain([0.1] * 5, [0.0, 0.0, 0.0, 0.0, 0.1])
    assert resampled_to_zero.value == pytest.approx(4) and resampled_to_zero.low is None
    with pytest.raises(ValueError, match="pair the users"):
        relative_gain([0.1], [])


def test_wilson_interval_matches_the_formula():
    # 2 of 10, z = 1.96: centre (0.2 + z²/20) / (1 + z²/10), half width z·sqrt(0.016 + z²/400) / (1 + z²/10)
    z2 = 1.959964**2
    centre, half = (0.2 + z2 / 20) / (1 + z2 / 10), (z2 * (0.016 + z2 / 400)) ** 0.5 / (1 + z2 / 10)
    found = fraction(2, 10)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, centre - half, centre + half), abs=1e-6)


def test_a_share_of_zero_has_an_interval_above_zero():
    found = fraction(0, 10)
    assert found.low == pytest.approx(0, abs=1e-12) and found.high == pytest.approx(0.2775, abs=1e-4)
    assert fraction(0, 0) is None


def test_spread_of_hand_computed_values():
    found = spread([0.1, 0.2, 0.3, 0.4])
    assert found == Spread(
        mean=pytest.approx(0.25),
        low=None,  # four users
        high=None,
        median=pytest.approx(0.25),
        p10=pytest.approx(0.13),  # 0.3 of the way from 0.1 to 0.2
        std=pytest.approx(math.sqrt(0.0125)),  # population
    )


def test_spread_without_users_is_none():
    assert spread([]) == Spread(None, None, None, None, None, None)


def test_spread_of_one_person():
    assert spread([0.5]) == Spread(0.5, None, None, 0.5, 0.5, 0.0)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_spread_is_ordered_and_independent_of_the_order_of_people(values):
    found = spread(values)
    assert min(values) - 1e-12 <= found.p10 <= found.median + 1e-12
    assert spread(sorted(values)).median == found.median


def test_the_interval_of_several_phones_of_a_user_draws_users():
    values, owners = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], list("abcdef")
    once, often = spread(values), spread(values * 100, users=owners * 100)
    assert (often.mean, often.median) == pytest.approx((once.mean, once.median))
    assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=0.01)
    alone = spread(values * 100)
    assert alone.high - alone.low < 0.2 * (once.high - once.low)
