import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.heterogeneity.divergence import (
    ENOUGH_USERS,
    MOST_PAIRS,
    SPLITS,
    Divergence,
    Halves,
    LeaveOneOut,
    between_texts,
    between_users,
    common_length,
    jensen_shannon,
    leave_one_out,
    plain_to_others,
    signal,
    split_in_halves,
    temporal_drift,
    word_evidence,
)
from tests.support.federated.heterogeneity.users import speaker, user_texts

LENGTH = 100


def test_jensen_shannon_agrees_with_a_hand_computed_value():
    # p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4):
    # KL(p, m) = 1/2 log2(2/3) + 1/2 log2(2), KL(q, m) = log2(4/3)
    expected = (0.5 * math.log2(2 / 3) + 0.5 + math.log2(4 / 3)) / 2
    assert jensen_shannon([1, 1], [4, 0]) == pytest.approx(expected)
    assert expected == pytest.approx(0.311278, abs=1e-6)


def test_equal_distributions_have_divergence_0_and_disjoint_ones_1():
    assert jensen_shannon([2, 6], [1, 3]) == 0.0
    assert jensen_shannon([1, 0, 0], [0, 2, 3]) == pytest.approx(1.0)


def test_the_divergence_of_texts_is_that_of_their_counts():
    assert between_texts(np.array([7, 9]), np.array([7, 7, 7])) == pytest.approx(jensen_shannon([1, 1], [3, 0]))


counts = st.lists(st.integers(0, 50), min_size=5, max_size=5).filter(any)


@given(counts, counts)
def test_the_divergence_is_symmetric_and_between_0_and_1(first, second):
    found = jensen_shannon(first, second)
    assert 0 <= found <= 1
    assert found == pytest.approx(jensen_shannon(second, first))


def test_the_difference_is_the_share_of_the_largest_possible_excess():
    found = Divergence(observed=0.7, floor=0.4)
    assert found.excess == pytest.approx(0.3)
    assert found.difference == pytest.approx(0.5)
    assert Divergence(1.0, 0.4).difference == 1.0
    assert Divergence(0.4, 0.4).difference == 0.0
    assert Divergence(1.0, 1.0).difference == 0.0


@pytest.mark.parametrize(
    ("sizes", "length"),
    [
        ([800] * 4, 400),
        ([799] * 4, 200),
        ([800, 800, 1, 1], 400),  # half of the users
        ([800, 50, 50, 1], 25),
        ([50, 49], None),  # one alone cannot be compared
        ([800] * ENOUGH_USERS + [10] * 500, 400),  # or so many
        ([10] * 30, None),
        ([], None),
    ],
)
def test_the_common_length_is_the_longest_with_enough_users(sizes, length):
    assert common_length(sizes) == length


def test_halves_are_disjoint_and_the_floor_is_their_divergence():
    distinct = [f"w{i}" for i in range(100)]
    found = split_in_halves(user_texts(ann=distinct, bob=["same"] * 100, eve=["short"]), 50, seed=0)
    assert [half.user.user_id for half in found] == ["ann", "bob"]
    ann, bob = found
    assert ann.texts.shape == (SPLITS, 2, 50)
    assert all(len(np.unique(split)) == 100 for split in ann.texts)
    assert ann.floor == pytest.approx(1.0)
    assert bob.floor == 0.0


def test_the_floor_is_the_mean_over_splits():
    (ann,) = split_in_halves(user_texts(ann=speaker("a", 40, seed=0)), 100, seed=0)
    assert ann.floor == pytest.approx(np.mean([between_texts(first, second) for first, second in ann.texts]))
    assert 0 < ann.floor < 1


def test_the_draws_of_a_user_do_not_depend_on_other_users():
    texts = speaker("a", 40, seed=0)
    alone, beside = (
        split_in_halves(user_texts(ann=texts), 100, 0)[0],
        split_in_halves(user_texts(ann=texts, bob=texts), 100, 0)[0],
    )
    np.testing.assert_array_equal(alone.texts, beside.texts)
    assert not np.array_equal(split_in_halves(user_texts(ann=texts), 100, seed=1)[0].texts, alone.texts)


@pytest.fixture
def alike():
    """Ten users with the same vocabulary."""
    return user_texts(**{f"u{i}": speaker("w", 60, seed=i) for i in range(10)})


@pytest.fixture
def disjoint():
    """Ten users without a common word."""
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


def test_text_of_the_others_never_has_the_users_own_words():
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


def test_word_evidence_agrees_with_hand_computed_moments():
    # One split of two words a half: A_1 = (1, 0), B_1 = (1/2, 1/2); A_2 = (0, 1) = B_2
    texts = [np.array([[[0, 0], [0, 1]]]), np.array([[[1, 1], [1, 1]]])]
    users = user_texts(ann=["a b"], bob=["b"]).users
    found = word_evidence(tuple(Halves(user, text, 0.0) for user, text in zip(users, texts, strict=True)), 2)
    assert found.within == pytest.approx((1 / 2 + 1) / 2)
    assert found.across == pytest.approx((0 + 1 / 2) / 2)  # <A_1, B_2> and <A_2, B_1>
    assert found.noise == pytest.approx((1 / 2 + 0) / 2)  # times the length of 2, over 2
    assert found.evidence == pytest.approx(0.25 / 0.5)


def test_the_weight_at_the_evidence_is_one_half():
    found = signal(within=3.0, across=1.0, noise=200.0)
    assert found.evidence == 100
    assert [found.trusted(size) for size in (0, 100, 300)] == [0.0, 0.5, 0.75]


def test_without_a_difference_the_trusted_share_is_zero():
    found = signal(within=1.0, across=1.0, noise=5.0)
    assert found.evidence is None
    assert found.trusted(1000) == 0.0


def test_the_evidence_agrees_with_the_generating_process():
    # Users draw 300 words from shares that are drawn from a Dirichlet prior with a total of 40:
    # its posterior mean takes n / (n + 40) from the user.
    rng = np.random.default_rng(0)
    people = {}
    for user in range(150):
        words = rng.choice(20, size=300, p=rng.dirichlet([2.0] * 20))
        people[f"u{user}"] = [f"w{word}" for word in words]
    made = user_texts(**people)
    assert word_evidence(split_in_halves(made, 150, seed=0), len(made.vocabulary)).evidence == pytest.approx(
        40, rel=0.1
    )


def test_similar_users_need_much_evidence():
    made = user_texts(**{f"u{i}": speaker("w", 60, seed=i) for i in range(20)})
    evidence = word_evidence(split_in_halves(made, 100, seed=0), len(made.vocabulary)).evidence
    assert evidence is None or evidence > 2000
