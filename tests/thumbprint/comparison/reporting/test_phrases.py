import pytest

from tests.support.thumbprint.comparison import made_up
from tests.support.thumbprint.comparison.rows import comparison, method, row
from thumbprint.comparison.analysis.summary import report_of
from thumbprint.comparison.reporting.phrases import conclusion, smallest_lossless_form
from thumbprint.comparison.results import StoredAs

SHARED = method("global_only", [row(f"u{i}", 20, gained=0, lost=0) for i in range(8)])


def conclusion_of(*methods):
    return " ".join(conclusion(report_of(comparison([SHARED, *methods]))))


def test_concludes_with_the_best_method_its_gain_the_users_hurt_and_the_costs(report):
    first, *others = conclusion(report)
    best = report.summary.row("thumbprint", "new_phone")
    assert first.startswith("On new phones, thumbprint is best")
    assert f"{100 * best.recall_at_3.mean:.1f} of 100 words before they are typed" in first
    assert f"+{100 * best.against_global.relative_mean.value:.1f} % [" in first
    for part in (
        "ahead of user_history",
        "lose at least one word",
        "Over 300 rounds",
        "With int8 adapters",
        "by country",
    ):
        assert part in " ".join(others)


def test_says_that_a_gain_may_be_chance():
    rows = [row(f"u{i}", 20 + change) for i, change in enumerate((9, -8, 6, -5, 1, 0, 0, 0))]
    assert "This may be chance: the test over users" in conclusion_of(method("ditto", rows))
    assert "This may be chance" not in conclusion_of(method("ditto", [row(f"u{i}", 25 + i) for i in range(8)]))


def test_advises_against_personalization_that_does_not_beat_the_shared_model():
    assert "do not personalize" in conclusion_of(method("ditto", [row(f"u{i}", 15) for i in range(8)]))
    assert "only the shared model was measured" in conclusion_of()


def test_counts_the_users_hurt_beyond_chance():
    rows = [row("u0", 5, gained=0, lost=15), *(row(f"u{i}", 40, gained=20, lost=0) for i in range(1, 8))]
    assert "it helps 7 and hurts 1 of 8 users [" in conclusion_of(method("ditto", rows))
    uncompared = method("ditto", [row(f"u{i}", 40) for i in range(8)])
    assert "not compared one by one" in conclusion_of(uncompared)


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (made_up.comparison(methods=()), "No method finished"),
        (made_up.comparison(users=0), "No user had 20 messages"),
        (made_up.comparison(methods=("centralized",)), "No method that a phone can run"),
    ],
    ids=["no method", "no user", "no method on a phone"],
)
def test_states_the_reason_if_there_is_no_answer(measured, reason):
    (sentence,) = conclusion(report_of(measured))
    assert sentence.startswith("There is no answer") and reason in sentence


def test_claims_no_gain_without_the_shared_model():
    (first, *_) = conclusion(report_of(made_up.comparison(methods=("ditto",))))
    assert "Its gain is unknown because global_only was not measured" in first


def test_chooses_the_smallest_form_that_loses_no_measurable_recall():
    forms = [("fp32", 40, 0.3), ("fp16", 20, 0.3), ("int8", 10, 0.2991), ("sparse_bias", 5, 0.29)]
    stored = [StoredAs(form=form, bytes_p50=size, bytes_max=size, recall_at_3=recall) for form, size, recall in forms]
    assert smallest_lossless_form(method("ditto", [], storage=stored)).form == "int8"
    assert smallest_lossless_form(method("ditto", [])) is None
