import pytest

from tests.support.thumbprint.comparison import made_up
from tests.support.thumbprint.comparison.rows import comparison, method, row
from thumbprint.comparison.analysis.summary import summarize
from thumbprint.comparison.results import Communication, CurvePoint

SHARED = method("global_only", [row("a", 20), row("b", 30), row("c", 10), row("d", 40)])


def test_figures_by_hand():
    ditto = method("ditto", [row("a", 30), row("b", 29), row("c", 10), row("d", 51)])
    found = summarize(comparison([SHARED, ditto])).row("ditto", "new_phone")
    assert (found.users, found.words) == (4, 400)
    assert found.recall_at_3.mean == pytest.approx(0.30)
    assert found.recall_at_3.median == pytest.approx(0.295)
    assert found.recall_at_3.p10 == pytest.approx(0.10 + 0.3 * 0.19)
    assert found.recall_at_3.worst == pytest.approx(0.10)
    against = found.against_global
    assert against.gain.mean == pytest.approx(0.05)
    assert against.relative_mean.value == pytest.approx(0.2)
    assert against.relative_median == pytest.approx(0.295 / 0.25 - 1)
    assert (against.fraction_hurt.value, against.fraction_helped.value) == (0.25, 0.5)
    # Ranks of |differences| 1, 10, 11: the negative has rank 1; p = 2 * 2/8.
    assert against.p_value == pytest.approx(0.5)


def test_p_values_are_corrected_over_methods():
    rows = [row(user, hits + 5) for user, hits in zip("abcd", (20, 30, 10, 40), strict=True)]
    found = summarize(comparison([SHARED, method("ditto", rows), method("apfl", rows)]))
    against = found.row("ditto", "new_phone").against_global
    assert against.p_value == pytest.approx(2 / 16)
    assert against.p_value_corrected == pytest.approx(4 / 16)


def test_rows_stand_new_phones_first_and_best_first(report):
    rows = report.summary.rows
    keys = [(row.group == "seen", -row.recall_at_3.mean) for row in rows]
    assert keys == sorted(keys)
    assert rows[0].method == report.summary.headline.best == "thumbprint"


def test_users_hurt_beyond_chance_are_named():
    # a: 0 gained, 10 lost, p = 2/1024, corrected for four users 8/1024; b: 5 and 6; c, d: nothing.
    ditto = method(
        "ditto",
        [row("a", 10, gained=0, lost=10), row("b", 29, gained=5, lost=6), row("c", 10, gained=0, lost=0), row("d", 40)],
    )
    against = summarize(comparison([SHARED, ditto])).row("ditto", "new_phone").against_global
    assert against.users_tested == 3
    assert against.users_hurt_significantly == ("a",)
    assert against.users_helped_significantly == ()


def test_words_never_compared_one_by_one_give_no_test():
    against = summarize(comparison([SHARED, method("ditto", [row("a", 1)])])).row("ditto", "new_phone").against_global
    assert (against.users_tested, against.users_hurt_significantly) == (0, None)


def test_gains_in_tff_are_against_the_shared_model_in_tff():
    fed_per = method("fed_per", [row("a", 15, shared_hits_at_3=12)], where="tff", on_device=False)
    against = summarize(comparison([SHARED, fed_per])).row("fed_per", "new_phone").against_global
    assert against.gain.mean == pytest.approx(0.03)


def test_who_wrote_too_little_or_no_word_enters_nothing():
    found = summarize(
        comparison([method("global_only", [row("a", 20), row("few", 90, messages=19), row("mute", 0, words=0)])])
    )
    assert found.rows[0].users == 1 and found.rows[0].recall_at_3.mean == pytest.approx(0.2)


def test_keystrokes_are_null_where_not_measured():
    rows = [row("a", 20, characters=200, characters_saved=50), row("b", 20)]
    found = summarize(comparison([method("global_only", rows)])).rows[0]
    assert found.keystroke_savings.mean == pytest.approx(0.25)
    assert summarize(comparison([SHARED])).rows[0].keystroke_savings.mean is None


def test_the_headline_is_of_what_can_ship_and_was_measured_alike():
    tff = method("fed_per", [row(user, 80, shared_hits_at_3=70) for user in "abcd"], where="tff")
    pooled = method("centralized", [row(user, 90) for user in "abcd"], on_device=False)
    ditto = method("ditto", [row("a", 22), row("b", 32), row("c", 12), row("d", 42)])
    found = summarize(comparison([SHARED, tff, pooled, ditto])).headline
    assert (found.best, found.runner_up, found.above) == ("ditto", "global_only", "centralized")
    assert found.lead.value == pytest.approx(0.02)


def test_without_new_phones_the_headline_is_about_seen_users():
    found = summarize(comparison([method("global_only", [row("a", 20, group="seen")])]))
    assert found.headline.group == "seen"


def test_rounds_and_bytes_to_the_target():
    def sending(name, recalls):
        curve = [CurvePoint(round=10 * i, bytes=1000 * i, recall_at_3=recall) for i, recall in enumerate(recalls)]
        sent = Communication(
            bytes_up_a_round=1, bytes_down_a_round=1, rounds=30, cohort=5, bytes_per_client=6.0, bytes_total=300,
            curve=curve,
        )  # fmt: skip
        return method(name, [], communication=sent)

    found = summarize(comparison([sending("global_only", [0, 0.1, 0.19, 0.2]), sending("ditto", [0, 0.1, 0.1, 0.1])]))
    assert found.target_recall == pytest.approx(0.19)
    assert [(reach.rounds, reach.bytes) for reach in found.reach] == [(20, 2000), (None, None)]


def test_the_same_comparison_gives_the_same_figures(comparison, report):
    assert summarize(comparison) == report.summary


def test_nobody_and_nothing_give_an_empty_summary():
    for empty in (comparison([]), made_up.comparison(users=0)):
        found = summarize(empty)
        assert (found.headline, found.rows, found.fairness) == (None, (), ())


def test_groups_are_compared_for_all_and_for_each_part(report):
    found = [f for f in report.summary.fairness if f.method == "thumbprint"]
    assert [f.population for f in found] == ["all", "new_phone", "seen"]
    assert [gaps.attribute for gaps in found[0].attributes] == ["country", "gender"]
    assert found[0].attributes_left_out == ("rare",)
    assert [group.value for group in found[0].attributes[0].groups] == ["India", "Nepal", "Singapore", "United States"]
