"""The figures of all folds of the main job, from those of each."""

import pytest

from benchmarks.five_folds.corpora import GROUPS
from benchmarks.five_folds.folds import compared_with, figures
from device_runtime.simulation.report import GateVerdict
from device_runtime.simulation.trial import Trial
from keyboard_model.metrics import WordCounts


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


def trial(user, shared, personal):
    """The trial of a user; `shared` and `personal`: one character for each word, "1" for a hit among three."""
    counts = [WordCounts(len(shown), 0, shown.count("1"), 30, 12, 3) for shown in (shared, personal)]
    return Trial(
        user_id=user,
        messages=20,
        shared=counts[0],
        personal=counts[1],
        prequential=counts[1],
        shared_shown=shared,
        personal_shown=personal,
        prequential_shown=personal,
        verdict=GateVerdict(kept=True, reason="it gains"),
        adapter_bytes=1,
        adaptation_seconds=1.0,
        prediction_ms=[1.0],
    )


def test_another_trial_takes_the_place_of_the_shared_model_for_users_who_have_one():
    trials, others = [trial("ann", "000", "110"), trial("bob", "000", "111")], [trial("ann", "000", "011")]
    (compared,) = compared_with(trials, others)
    assert (compared.user_id, compared.shared_shown, compared.personal_shown) == ("ann", "011", "110")
    assert (compared.shared.hits_at_3, compared.personal.hits_at_3, compared.prequential) == (2, 2, None)
    assert (compared.shared.characters, compared.personal.characters_saved) == (0, 0)
