"""The figures of all folds of the main job, from those of each."""

import pytest

from benchmarks.five_folds.corpora import GROUPS
from benchmarks.five_folds.folds import figures


def both(value):
    return dict.fromkeys(GROUPS, value)


def test_pools_the_users_of_all_folds_without_those_who_have_no_word():
    folds = [{"kenlm": both({"ann": (10, 1, 4), "bob": (0, 0, 0)})}, {"kenlm": both({"cem": (30, 3, 6)})}]
    found = figures(folds)["kenlm"]["new_phones"]
    assert (found["users"], found["words"]) == (2, 40)
    assert found["pooled"]["recall_at_3"]["value"] == pytest.approx(10 / 40)
    assert found["recall_at_3"]["mean"] == pytest.approx((0.4 + 0.2) / 2)


def test_the_difference_from_the_baseline_is_of_the_same_users():
    folds = [
        {
            "kenlm": both({"ann": (10, 1, 4), "bob": (30, 3, 6), "cem": (5, 0, 0)}),
            "thumbprint": both({"ann": (10, 2, 5), "bob": (30, 3, 9)}),
        }
    ]
    found = figures(folds)
    difference = found["thumbprint"]["training"]["over_baseline"]
    assert difference["pooled"]["recall_at_3"]["value"] == pytest.approx(4 / 40)
    assert difference["recall_at_3"]["mean"] == pytest.approx((1 / 10 + 3 / 30) / 2)
    assert "over_baseline" not in found["kenlm"]["training"]
