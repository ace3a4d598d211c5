"""Hurt and helped users, on users whose true difference is known."""

import math

import numpy as np
import pytest

from keyboard_model.user_posterior import NOTICEABLE, _log_gamma, count_changes, user_posteriors


def simulated(users, right, seed=0, words=400):
    """Returns words, gained and lost words, and true differences of users whose keyboards differ in a tenth of words.

    `right(rng, users)` returns how often the personal keyboard is right where they differ.
    """
    rng = np.random.default_rng(seed)
    differ, win = rng.beta(4, 36, users), right(rng, users)
    total = rng.integers(words // 4, 2 * words, users)
    changed = rng.binomial(total, differ)
    gained = rng.binomial(changed, win)
    return total, gained, changed - gained, differ * (2 * win - 1)


def test_users_without_a_true_difference_are_hardly_ever_hurt_or_helped():
    total, gained, lost, _ = simulated(100, lambda rng, users: np.full(users, 0.5))
    found = user_posteriors(total, gained, lost)
    assert np.mean(lost > gained) > 0.35  # the raw share
    assert sum(each.hurt or each.helped for each in found) <= 1


def test_most_of_the_users_called_hurt_or_helped_are_and_many_are_found():
    total, gained, lost, truth = simulated(120, lambda rng, users: np.where(np.arange(users) < 30, 0.1, 0.8))
    found = user_posteriors(total, gained, lost)
    hurt, helped = (np.array([getattr(each, what) for each in found]) for what in ("hurt", "helped"))
    assert truth[hurt].max() < -NOTICEABLE and truth[helped].min() > NOTICEABLE
    assert hurt.sum() > 20 and helped.sum() > 60


def test_probabilities_are_calibrated():
    total, gained, lost, truth = simulated(250, lambda rng, users: rng.beta(3, 2, users), seed=1, words=200)
    probability = np.array([each.hurt_probability for each in user_posteriors(total, gained, lost)])
    hurt = truth < -NOTICEABLE
    unsure = (probability > 0.2) & (probability < 0.8)
    assert unsure.sum() > 40
    assert hurt[unsure].mean() == pytest.approx(probability[unsure].mean(), abs=0.12)
    assert hurt.mean() == pytest.approx(probability.mean(), abs=0.05)


def test_the_posterior_of_equal_users_with_many_words_is_their_difference():
    # 30 gained and 10 lost of 1,000 words: 2 points, with a standard error of sqrt(40) / 1000 for each user alone.
    found = user_posteriors([1000] * 40, [30] * 40, [10] * 40)
    assert found[0].expected == pytest.approx(0.02, abs=0.001)
    assert all(each.helped and each.hurt_probability < 0.001 for each in found)


def test_a_user_with_few_words_is_drawn_towards_the_others():
    found = user_posteriors([400] * 30 + [20], [40] * 30 + [0], [10] * 30 + [1])
    assert found[-1].expected > 0  # alone, it would be -1 of 20
    assert not found[-1].hurt and found[0].helped


def test_exchanging_gains_and_losses_exchanges_hurt_and_helped():
    total, gained, lost, _ = simulated(20, lambda rng, users: rng.beta(2, 1, users))
    for one, other in zip(user_posteriors(total, gained, lost), user_posteriors(total, lost, gained), strict=True):
        assert one.hurt_probability == pytest.approx(other.helped_probability, abs=0.06)
        assert one.expected == pytest.approx(-other.expected, abs=0.003)


def test_one_user_is_judged_by_a_vague_prior():
    assert user_posteriors([500], [5], [60])[0].hurt
    assert not user_posteriors([500], [5], [6])[0].hurt
    assert user_posteriors([], [], []) == []


@pytest.mark.parametrize(("words", "gained", "lost"), [([1], [1], [1]), ([1], [-1], [0]), ([1, 2], [1], [0])])
def test_impossible_counts_are_refused(words, gained, lost):
    with pytest.raises(ValueError, match="user"):
        user_posteriors(words, gained, lost)


def test_the_same_counts_give_the_same_figures():
    assert user_posteriors([50, 60], [5, 6], [1, 9]) == user_posteriors([50, 60], [5, 6], [1, 9])


def test_counts_the_words_that_one_keyboard_shows():
    assert count_changes("11010", "01101") == (2, 2)
    with pytest.raises(ValueError):
        count_changes("1", "11")


def test_log_gamma_is_that_of_the_standard_library():
    x = np.array([1e-6, 0.01, 0.5, 1, 3.3, 50, 1e6])
    assert _log_gamma(x) == pytest.approx([math.lgamma(each) for each in x], rel=1e-9, abs=1e-9)
