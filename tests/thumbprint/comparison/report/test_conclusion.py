import pytest

from tests.support.thumbprint.comparison import made_up
from tests.support.thumbprint.comparison.rows import comparison, method, row
from thumbprint.comparison.report.conclusion import conclusion, smallest_form
from thumbprint.comparison.report.report import report_of
from thumbprint.comparison.results import StoredAs

SHARED = method("global_only", [row(f"u{i}", 20, gained=0, lost=0) for i in range(8)])


def said(*methods, **others):
    return " ".join(conclusion(report_of(comparison([SHARED, *methods], **others))))


def test_answer_says_which_by_how_much_whom_it_hurts_and_what_it_costs(report):
    first, others = conclusion(report)[0], " ".join(conclusion(report)[1:])
    best = report.summary.row("thumbprint", "new_phone")
    assert first.startswith("On new phones thumbprint is best")
    assert f"{100 * best.recall_at_3.mean:.1f} before they are typed" in first
    assert f"+{100 * best.against_global.relative_mean.value:.1f} % [" in first
    for part in ("ahead of user_history", "lose at least a word", "a phone over 300 rounds", "as int8", "by country"):
        assert part in others


def test_a_gain_that_may_be_chance_is_called_so():
    rows = [row(f"u{i}", 20 + change) for i, change in enumerate((9, -8, 6, -5, 1, 0, 0, 0))]
    assert "That may be chance" in said(method("ditto", rows))
    assert "That may be chance" not in said(method("ditto", [row(f"u{i}", 25 + i) for i in range(8)]))


def test_where_nothing_beats_the_shared_model_it_says_so():
    assert "do not personalize" in said(method("ditto", [row(f"u{i}", 15) for i in range(8)]))
    assert "only the shared model was measured" in said()


def test_users_hurt_beyond_chance_are_said():
    rows = [row("u0", 5, gained=0, lost=15), *(row(f"u{i}", 40, gained=20, lost=0) for i in range(1, 8))]
    assert "1 user of 8 lose more words than chance explains" in said(method("ditto", rows))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (made_up.comparison(methods=()), "No method finished"),
        (made_up.comparison(users=0), "Nobody had 20 messages"),
        (made_up.comparison(methods=("centralized",)), "No method that a phone can run"),
    ],
)
def test_no_answer_is_said_with_its_reason(found, why):
    (sentence,) = conclusion(report_of(found))
    assert sentence.startswith("There is no answer") and why in sentence


def test_without_the_shared_model_no_gain_is_claimed():
    (first, *_) = conclusion(report_of(made_up.comparison(methods=("ditto",))))
    assert "Without global_only nobody can say" in first


def test_the_smallest_form_that_loses_nothing_measurable():
    forms = [("fp32", 40, 0.3), ("fp16", 20, 0.3), ("int8", 10, 0.2991), ("sparse_bias", 5, 0.29)]
    stored = [StoredAs(form=form, bytes_p50=size, bytes_max=size, recall_at_3=recall) for form, size, recall in forms]
    assert smallest_form(method("ditto", [], storage=stored)).form == "int8"
    assert smallest_form(method("ditto", [])) is None
