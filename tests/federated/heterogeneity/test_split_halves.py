import numpy as np
import pytest

from federated.heterogeneity.divergence import ENOUGH_USERS, SPLITS, between_texts, common_length, split_in_halves
from tests.support.federated.heterogeneity.people import speaker, writers


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
def test_the_longest_length_at_which_enough_can_be_measured(sizes, length):
    assert common_length(sizes) == length


def test_halves_are_disjoint_and_the_floor_is_their_divergence():
    distinct = [f"w{i}" for i in range(100)]
    found = split_in_halves(writers(ann=distinct, bob=["same"] * 100, eve=["short"]), 50, seed=0)
    assert [half.writer.user_id for half in found] == ["ann", "bob"]
    ann, bob = found
    assert ann.texts.shape == (SPLITS, 2, 50)
    assert all(len(np.unique(split)) == 100 for split in ann.texts)
    assert ann.floor == pytest.approx(1.0)
    assert bob.floor == 0.0


def test_the_floor_is_the_mean_over_splits():
    (ann,) = split_in_halves(writers(ann=speaker("a", 40, seed=0)), 100, seed=0)
    assert ann.floor == pytest.approx(np.mean([between_texts(first, second) for first, second in ann.texts]))
    assert 0 < ann.floor < 1


def test_what_is_drawn_for_a_user_does_not_depend_on_the_others():
    texts = speaker("a", 40, seed=0)
    alone, beside = (
        split_in_halves(writers(ann=texts), 100, 0)[0],
        split_in_halves(writers(ann=texts, bob=texts), 100, 0)[0],
    )
    np.testing.assert_array_equal(alone.texts, beside.texts)
    assert not np.array_equal(split_in_halves(writers(ann=texts), 100, seed=1)[0].texts, alone.texts)
