import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.heterogeneity.divergence import (
    ENOUGH_USERS,
    SPLITS,
    Divergence,
    between_texts,
    common_length,
    jensen_shannon,
    split_in_halves,
)
from tests.support.federated.heterogeneity.people import speaker, user_texts


def test_jensen_shannon_agrees_with_a_hand_computed_value():
    # p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4):
    # KL(p, m) = 1/2 log2(2/3) + 1/2 log2(2), KL(q, m) = log2(4/3)
    expected = (0.5 * math.log2(2 / 3) + 0.5 + math.log2(4 / 3)) / 2
    assert jensen_shannon([1, 1], [4, 0]) == pytest.approx(expected)
    assert expected == pytest.approx(0.311278, abs=1e-6)


def test_equal_distributions_give_0_and_disjoint_ones_1():
    assert jensen_shannon([2, 6], [1, 3]) == 0.0
    assert jensen_shannon([1, 0, 0], [0, 2, 3]) == pytest.approx(1.0)


def test_the_divergence_of_texts_is_that_of_their_counts():
    assert between_texts(np.array([7, 9]), np.array([7, 7, 7])) == pytest.approx(jensen_shannon([1, 1], [3, 0]))


counts = st.lists(st.integers(0, 50), min_size=5, max_size=5).filter(any)


@given(counts, counts)
def test_it_is_symmetric_and_from_0_to_1(first, second):
    found = jensen_shannon(first, second)
    assert 0 <= found <= 1
    assert found == pytest.approx(jensen_shannon(second, first))


def test_the_difference_is_the_excess_over_the_floor_as_a_share_of_the_room():
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
