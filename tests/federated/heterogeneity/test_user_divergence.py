"""Users against the others, against each other and against their own past: what is known of made-up ones."""

import numpy as np
import pytest

from federated.heterogeneity.divergence import jensen_shannon, split_in_halves
from federated.heterogeneity.user_divergence import (
    MOST_PAIRS,
    LeaveOneOut,
    between_users,
    leave_one_out,
    plain_to_others,
    temporal_drift,
)
from tests.support.federated.heterogeneity.people import speaker, user_texts

LENGTH = 100


@pytest.fixture
def alike():
    """Ten who draw from the same words."""
    return user_texts(**{f"u{i}": speaker("w", 60, seed=i) for i in range(10)})


@pytest.fixture
def disjoint():
    """Ten who share no word."""
    return user_texts(**{f"u{i}": speaker("abcdefghij"[i], 60, seed=i) for i in range(10)})


def test_plain_divergence_leaves_the_user_out_of_the_others():
    found = plain_to_others(user_texts(ann=["a b"], bob=["a a"], eve=["b c"], mute=["?"]))
    assert found[0] == pytest.approx(jensen_shannon([1, 1, 0], [2, 1, 1]))
    assert found[2] == pytest.approx(jensen_shannon([0, 1, 1], [3, 1, 0]))
    assert found[3] is None


def test_plain_divergence_does_not_correct_for_chance(alike):
    assert min(plain_to_others(alike)) > 0.01


def test_similar_users_do_not_differ_after_chance_correction(alike):
    halves = split_in_halves(alike, LENGTH, seed=0)
    others = [one.difference for one in leave_one_out(alike, halves, seed=0)]
    pairs = [pair.divergence.difference for pair in between_users(halves, seed=0)]
    assert np.mean(others) == pytest.approx(0.0, abs=0.02)
    assert np.mean(pairs) == pytest.approx(0.0, abs=0.02)
    assert len(pairs) == 45


def test_users_without_a_common_word_have_difference_one(disjoint):
    halves = split_in_halves(disjoint, LENGTH, seed=0)
    assert [one.observed for one in leave_one_out(disjoint, halves, seed=0)] == pytest.approx([1.0] * 10)
    assert [pair.divergence.difference for pair in between_users(halves, seed=0)] == pytest.approx([1.0] * 45)


def test_the_floor_of_a_pair_is_the_mean_of_both(disjoint):
    halves = {half.user.user_id: half.floor for half in split_in_halves(disjoint, LENGTH, seed=0)}
    pair = between_users(split_in_halves(disjoint, LENGTH, seed=0), seed=0)[0]
    assert pair.divergence.floor == pytest.approx((halves[pair.first] + halves[pair.second]) / 2)


def test_pairs_are_drawn_when_there_are_many(alike):
    many = split_in_halves(alike, LENGTH, seed=0) * 5
    found = between_users(many, seed=0)
    assert len(found) == MOST_PAIRS < 50 * 49 / 2
    assert found == between_users(many, seed=0) != between_users(many, seed=1)


def test_the_others_words_are_never_the_users_own():
    others = LeaveOneOut(user_texts(ann=["a"] * 5, bob=["b"] * 5, eve=["c c"] * 5))
    rng = np.random.default_rng(0)
    for user, own in zip(user_texts(ann=["a"] * 5, bob=["b"] * 5, eve=["c c"] * 5).users, (0, 1, 2), strict=True):
        drawn = others.draw(user, 100, rng)
        assert own not in drawn
        assert len(drawn) == 15 if own < 2 else 10  # all that there is


def test_users_with_stable_habits_do_not_drift(alike):
    found = [temporal_drift(half) for half in split_in_halves(alike, LENGTH, seed=0)]
    assert np.mean([one.difference for one in found]) == pytest.approx(0.0, abs=0.04)


def test_a_user_who_changes_all_words_has_drift_one():
    (half,) = split_in_halves(
        user_texts(ann=[*speaker("old", 20, seed=0), *speaker("new", 20, seed=1)]), LENGTH, seed=0
    )
    found = temporal_drift(half)
    assert found.observed == pytest.approx(1.0)
    assert found.difference == pytest.approx(1.0)
    assert found.floor < 0.8
