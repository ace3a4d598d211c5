import pytest

from tests.support.thumbprint.comparison import made_up
from tests.support.thumbprint.comparison.rows import comparison, method, row
from thumbprint.comparison.analysis.summary import summarize
from thumbprint.comparison.results import Communication, CurvePoint

SHARED = method("global_only", [row("a", 20), row("b", 30), row("c", 10), row("d", 40)])


def test_computes_the_figures_of_a_method_by_hand():
    ditto = method("ditto", [row("a", 30), row("b", 29), row("c", 10), row("d", 51)])
    figures = summarize(comparison([SHARED, ditto])).row("ditto", "new_phone")
    assert (figures.users, figures.words) == (4, 400)
    assert figures.recall_at_3.mean == pytest.approx(0.30)
    assert figures.recall_at_3.median == pytest.approx(0.295)
    assert figures.recall_at_3.p10 == pytest.approx(0.10 + 0.3 * 0.19)
    assert figures.pooled_recall_at_3.value == pytest.approx(0.30)
    against = figures.against_global
    assert against.gain.mean == pytest.approx(0.05) == against.pooled_gain.value
    assert against.relative_mean.value == pytest.approx(0.2)
    assert against.relative_median.value == pytest.approx(0.295 / 0.25 - 1)
    assert (against.fraction_hurt.value, against.fraction_helped.value) == (0.25, 0.5)
    # The absolute differences 1, 10, 11 have ranks 1, 2, 3. The negative one has rank 1, so p = 2 * 2/8.
    assert against.p_value == pytest.approx(0.5)


def test_corrects_p_values_over_the_methods():
    rows = [row(user, hits + 5) for user, hits in zip("abcd", (20, 30, 10, 40), strict=True)]
    summary = summarize(comparison([SHARED, method("ditto", rows), method("apfl", rows)]))
    against = summary.row("ditto", "new_phone").against_global
    assert against.p_value == pytest.approx(2 / 16)
    assert against.p_value_corrected == pytest.approx(4 / 16)


def test_orders_rows_by_group_then_by_recall(report):
    rows = report.summary.rows
    keys = [(row.group == "seen", -row.recall_at_3.mean) for row in rows]
    assert keys == sorted(keys)
    assert rows[0].method == report.summary.headline.best == "thumbprint"


def test_names_the_users_that_are_likely_hurt_and_helped():
    changes = {"a": (0, 15), "b": (5, 6), "c": (0, 0), "d": (18, 1)}
    shared = {"a": 20, "b": 30, "c": 10, "d": 40}
    rows = [row(user, shared[user] + up - down, gained=up, lost=down) for user, (up, down) in changes.items()]
    against = (
        summarize(comparison([SHARED, method("ditto", [*rows, row("e", 40)])])).row("ditto", "new_phone").against_global
    )
    assert against.users_tested == 4
    assert (against.users_likely_hurt, against.users_likely_helped) == (("a",), ("d",))
    assert against.likely_hurt.value == against.likely_helped.value == 0.25
    assert against.fraction_hurt.value == 0.5  # b too, by one word


def test_words_that_were_not_compared_one_by_one_give_no_posterior():
    against = summarize(comparison([SHARED, method("ditto", [row("a", 1)])])).row("ditto", "new_phone").against_global
    assert (against.users_tested, against.likely_hurt, against.users_likely_hurt) == (0, None, ())


def test_compares_tff_measurements_with_the_shared_model_in_tff():
    fed_per = method("fed_per", [row("a", 15, shared_hits_at_3=12)], where="tff", on_device=False)
    against = summarize(comparison([SHARED, fed_per])).row("fed_per", "new_phone").against_global
    assert against.gain.mean == pytest.approx(0.03)


def test_ignores_users_with_few_messages_or_no_tested_word():
    summary = summarize(
        comparison([method("global_only", [row("a", 20), row("few", 90, messages=19), row("mute", 0, words=0)])])
    )
    assert summary.rows[0].users == 1 and summary.rows[0].recall_at_3.mean == pytest.approx(0.2)


def test_keystroke_savings_are_null_if_not_measured():
    rows = [row("a", 20, characters=200, characters_saved=50, taps=20), row("b", 20)]
    figures = summarize(comparison([method("global_only", rows)])).rows[0]
    assert figures.keystroke_savings.mean == pytest.approx(0.25)
    assert figures.keystroke_savings_with_taps.mean == pytest.approx(0.15)
    assert summarize(comparison([SHARED])).rows[0].keystroke_savings.mean is None


def test_phones_that_count_each_message_have_figures_of_their_own():
    ditto = method(
        "ditto", [row("a", 30, prequential_hits_at_3=35), row("b", 30, prequential_hits_at_3=31), row("c", 9)]
    )
    figures = summarize(comparison([SHARED, ditto])).row("ditto", "new_phone")
    assert figures.prequential_recall_at_3.mean == pytest.approx(0.33)  # c was not measured in this way
    assert figures.against_global.prequential_gain.mean == pytest.approx((0.15 + 0.01) / 2)
    assert summarize(comparison([SHARED])).rows[0].prequential_recall_at_3.mean is None


def test_the_best_method_can_ship_and_was_measured_like_the_reference():
    tff = method("fed_per", [row(user, 80, shared_hits_at_3=70) for user in "abcd"], where="tff")
    pooled = method("centralized", [row(user, 90) for user in "abcd"], on_device=False)
    ditto = method("ditto", [row("a", 22), row("b", 32), row("c", 12), row("d", 42)])
    headline = summarize(comparison([SHARED, tff, pooled, ditto])).headline
    assert (headline.best, headline.runner_up, headline.above) == ("ditto", "global_only", "centralized")
    assert headline.lead.value == pytest.approx(0.02)


def test_seen_users_decide_without_new_phones():
    summary = summarize(comparison([method("global_only", [row("a", 20, group="seen")])]))
    assert summary.headline.group == "seen"


def test_computes_rounds_and_bytes_to_the_target():
    def sending(name, recalls):
        curve = [CurvePoint(round=10 * i, bytes=1000 * i, recall_at_3=recall) for i, recall in enumerate(recalls)]
        sent = Communication(
            bytes_up_a_round=1, bytes_down_a_round=1, rounds=30, cohort=5, bytes_per_client=6.0, bytes_total=300,
            curve=curve,
        )  # fmt: skip
        return method(name, [], communication=sent)

    summary = summarize(comparison([sending("global_only", [0, 0.1, 0.19, 0.2]), sending("ditto", [0, 0.1, 0.1, 0.1])]))
    assert summary.target_recall == pytest.approx(0.19)
    assert [(reach.rounds, reach.bytes) for reach in summary.reach] == [(20, 2000), (None, None)]


def test_the_same_comparison_gives_the_same_figures():
    measured = made_up.comparison(methods=("global_only", "ditto"))
    assert summarize(measured) == summarize(measured)


def test_no_users_and_no_methods_give_an_empty_summary():
    for empty in (comparison([]), made_up.comparison(users=0)):
        summary = summarize(empty)
        assert (summary.headline, summary.rows, summary.fairness) == (None, (), ())


def test_compares_groups_over_all_users_and_within_each_population(report):
    fairness = [f for f in report.summary.fairness if f.method == "thumbprint"]
    assert [f.population for f in fairness] == ["all", "new_phone", "seen"]
    over_all = fairness[0]
    assert [gaps.attribute for gaps in over_all.attributes] == ["country", "gender"]
    assert over_all.attributes_left_out == ("rare",)
    assert [group.value for group in over_all.attributes[0].groups] == ["India", "Nepal", "Singapore", "United States"]
