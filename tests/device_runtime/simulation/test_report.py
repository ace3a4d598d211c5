import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from rich.console import Console

from device_runtime.reporting.html import render, shorten, write_html
from device_runtime.reporting.plots import gain_of_each, gain_picture
from device_runtime.reporting.table import meaning, table_of
from device_runtime.simulation.examples import Example, Examples, choose
from device_runtime.simulation.report import (
    BundleInfo,
    ClientRow,
    CorpusInfo,
    FailedUser,
    Gain,
    GateVerdict,
    Metrics,
    ModelSummary,
    Percentiles,
    Report,
    ReportError,
    Sizes,
    load_report,
    write_report,
)
from keyboard_model.metrics import fraction_helped, fraction_hurt, gains, spread


def summary(values):
    one = spread(values)
    pooled = Metrics(recall_at_1=0.1, recall_at_3=0.25, keystroke_savings=0.4) if values else None
    return ModelSummary(recall_at_1=one, recall_at_3=one, keystroke_savings=one, pooled=pooled)


def row(name, shared, personal, in_aggregates=True):
    def metrics(value):
        return None if value is None else Metrics(recall_at_1=value, recall_at_3=value, keystroke_savings=value)

    return ClientRow(
        user_id=name,
        messages=50,
        words_tested=100 if shared is not None else 0,
        shared=metrics(shared),
        personal=metrics(personal),
        verdict=GateVerdict(kept=True, reason="better on 80 words"),
        adapter_bytes=19000,
        adaptation_seconds=0.2,
        in_aggregates=in_aggregates,
    )


def make_report(shared=(0.2, 0.3, 0.4), personal=(0.3, 0.3, 0.35), synthetic=False, extra=(), failed=()):
    rows = [row(f"user-{i}", s, p) for i, (s, p) in enumerate(zip(shared, personal, strict=True))]
    recalls = list(personal), list(shared)
    mean = sum(personal) / sum(shared) - 1 if shared else None
    return Report(
        bundle=BundleInfo(name="tiny", model_id="ab" * 32, synthetic=synthetic),
        corpus=CorpusInfo(id="c", description="a small corpus", synthetic=synthetic),
        min_messages=20,
        train_share=0.8,
        users=len(rows) + len(extra) + len(failed),
        clients_in_aggregates=len(rows),
        shared=summary(shared),
        personal=summary(personal),
        gain=Gain(recall_at_3=spread(gains(*recalls)), relative_mean=mean, relative_median=mean),
        fraction_hurt=fraction_hurt(*recalls),
        fraction_helped=fraction_helped(*recalls),
        adapter_bytes=Sizes(p50=19000, max=19000),
        adaptation_seconds=Percentiles(p50=0.2, p90=0.2, p99=0.2, max=0.2),
        prediction_ms=Percentiles(p50=0.5, p90=0.7, p99=1.2, max=3.0),
        failed=failed,
        clients=(*rows, *extra),
    )


def printed(report):
    console = Console(file=io.StringIO(), width=140)
    console.print(table_of(report))
    return console.file.getvalue()


# --- report.json ---


def test_report_comes_back_as_it_was_written(tmp_path):
    report = make_report(extra=[row("quiet", None, None, False)], failed=[FailedUser(user_id="x", reason="broken")])
    write_report(tmp_path / "deep" / "report.json", report)
    assert load_report(tmp_path / "deep" / "report.json") == report


def test_keys_are_those_of_the_documentation(tmp_path):
    write_report(tmp_path / "report.json", make_report())
    found = json.loads((tmp_path / "report.json").read_text())
    assert list(found) == [
        "schema_version", "bundle", "corpus", "min_messages", "train_share", "users", "clients_in_aggregates",
        "global", "personal", "gain", "fraction_hurt", "fraction_helped", "adapter_bytes", "adaptation_seconds",
        "prediction_ms", "failed", "clients",
    ]  # fmt: skip
    assert list(found["global"]) == ["recall_at_1", "recall_at_3", "keystroke_savings", "pooled"]
    assert list(found["global"]["recall_at_3"]) == ["mean", "median", "p10", "worst", "std"]
    assert list(found["clients"][0]) == [
        "user_id", "messages", "words_tested", "global", "personal", "verdict", "adapter_bytes",
        "adaptation_seconds", "in_aggregates",
    ]  # fmt: skip


def test_another_schema_version_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "report.json"
    write_report(path, make_report())
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    with pytest.raises(ReportError, match=r"schema_version 2.*simulate again"):
        load_report(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"users": 3}', b"\xff\xfe"])
def test_what_is_no_report_is_refused(tmp_path, content):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(ReportError, match="is not a report"):
        load_report(path)


def test_missing_report_is_named(tmp_path):
    with pytest.raises(ReportError, match=re.escape("none.json: No such file")):
        load_report(tmp_path / "none.json")


def test_failed_write_keeps_the_old_report_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "report.json"
    path.mkdir()  # os.replace cannot put a file there
    with pytest.raises(ReportError, match="cannot write"):
        write_report(path, make_report())
    assert list(tmp_path.iterdir()) == [path]


# --- the table ---


def test_table_says_in_words_what_it_means():
    text = " ".join(printed(make_report()).split())
    assert "the shared keyboard shows 30.0 before they are typed, the personal one 31.7 (+6 %)" in text
    assert "helps 33 % of 3 people and makes it worse for 33 %" in text
    assert "SYNTHETIC" not in text


def test_table_says_synthetic_first():
    assert printed(make_report(synthetic=True)).startswith("SYNTHETIC")


def test_table_says_who_is_left_out():
    report = make_report(extra=[row("quiet", None, None, False)], failed=[FailedUser(user_id="x", reason="broken")])
    text = " ".join(printed(report).split())
    assert "1 person with under 20 messages or no word to test and 1 person whose data broke (broken)" in text


def test_nobody_to_compare_is_said_not_divided_by():
    report = make_report((), ())
    assert "Nobody had 20 messages" in printed(report)
    assert "Nobody had 20 messages" in render(report)


# --- the picture ---


def test_gains_fall_and_leave_out_who_is_in_no_aggregate():
    report = make_report(extra=[row("few", 0.1, 0.9, False)])
    assert gain_of_each(report) == pytest.approx([10, 0, -5])


@pytest.mark.parametrize("count", [0, 1, 3, 900])
def test_svg_is_well_formed_and_the_same_each_time(count):
    report = make_report([0.2] * count, [0.2 + 0.0001 * i for i in range(count)])
    svg = gain_picture(report, "svg")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert gain_picture(report, "svg") == svg


def test_picture_counts_people_and_says_synthetic():
    svg = gain_picture(make_report(synthetic=True), "svg").decode()
    for label in ("better for 1 of 3", "worse for 1", "the same for 1", "SYNTHETIC"):
        assert label in svg


def test_png_is_a_png():
    assert gain_picture(make_report(), "png").startswith(b"\x89PNG\r\n")


# --- the page ---


class _Page(HTMLParser):
    VOID = ("meta", "path", "use", "rect", "line", "br")

    def __init__(self):
        super().__init__()
        self.open, self.loaded, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.loaded += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value[0] != "#"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page_of(report, examples=None):
    page = _Page()
    page.feed(render(report, examples))
    assert page.open == []
    return page


def test_page_is_whole_and_loads_nothing():
    page = page_of(make_report())
    assert page.loaded == []
    assert "@import" not in page.text and "url(http" not in page.text


def test_page_says_the_same_line_as_the_table():
    report = make_report()
    assert meaning(report) in page_of(report).text


def test_page_says_synthetic_only_when_it_is():
    assert "SYNTHETIC" in page_of(make_report(synthetic=True)).text
    assert "SYNTHETIC" not in page_of(make_report()).text


def test_page_escapes_what_users_typed():
    nasty = "<script>alert(1)</script>"
    examples = Examples([Example(nasty, [nasty], ["ok"], "ok")], f"chosen {nasty}")
    report = make_report(extra=[row(nasty, 0.1, 0.1)], failed=[FailedUser(user_id=nasty, reason=nasty)])
    assert "<script" not in render(report, examples)
    assert nasty in page_of(report, examples).text


def test_page_shows_examples_with_the_word_typed_marked():
    examples = Examples([Example("see you ", ["at", "in", "on"], ["later", "at", "soon"], "later")], "by a rule")
    html = render(make_report(), examples)
    assert "by a rule" in html
    assert re.findall(r'class="key hit">(\w+)', html) == ["later"]


def test_page_without_examples_has_no_place_for_them():
    assert "before and after" not in page_of(make_report()).text


def test_page_is_written_whole(tmp_path):
    write_html(tmp_path / "report.html", make_report())
    assert (tmp_path / "report.html").read_text().endswith("</html>")
    assert len(list(tmp_path.iterdir())) == 1


def test_long_contexts_are_cut_at_a_word():
    assert shorten("short one ") == "short one "
    cut = shorten("word " * 40)
    assert cut.startswith("… word ") and len(cut) < 70


# --- the examples ---


def example(shared_right, personal_right, number=0):
    return Example(f"{number} ", ["yes" if shared_right else "no"], ["yes" if personal_right else "no"], "yes")


def test_examples_keep_the_proportion_of_wins_and_losses():
    predictions = [example(i % 4 == 0, i % 4 != 0, i) for i in range(80)]  # 60 wins, 20 losses
    chosen = choose(predictions, 8)
    assert sum(e.won for e in chosen) == 6
    assert [int(e.context) for e in chosen] == sorted(int(e.context) for e in chosen)


def test_a_rare_loss_is_not_rounded_away():
    predictions = [example(False, True, i) for i in range(99)] + [example(True, False, 99)]
    assert [e.won for e in choose(predictions, 10)].count(False) == 1


def test_a_rare_win_is_not_rounded_away():
    predictions = [example(True, False, i) for i in range(99)] + [example(False, True, 99)]
    assert [e.won for e in choose(predictions, 10)].count(True) == 1


def test_words_both_or_neither_suggested_are_no_examples():
    assert choose([example(True, True), example(False, False)], 10) == []


def test_fewer_examples_where_there_are_fewer():
    assert len(choose([example(False, True), example(True, False), example(True, True)], 10)) == 2
