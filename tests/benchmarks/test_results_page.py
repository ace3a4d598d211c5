"""The tables of docs/results.md and the README, on made-up results."""

import json
import re

import pytest

from benchmarks import results_page
from tests.support.thumbprint.comparison import made_up
from thumbprint.comparison.analysis.summary import report_of

RECALLS = {"recall_at_1": 0.125, "recall_at_3": 0.25, "keystroke_savings": 0.5, "keystroke_savings_with_taps": 0.375}


def estimate(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def spread(value):
    return {"mean": value, "low": value - 0.05, "high": value + 0.05, "median": value, "p10": value, "std": value}


MODEL = {
    "pooled": {metric: estimate(value, value - 0.1, value + 0.1) for metric, value in RECALLS.items()},
    **{metric: spread(value) for metric, value in RECALLS.items()},
}
TRIGRAM = {
    "users": 9,
    "pooled": {metric: estimate(0.2, 0.15, 0.25) for metric in results_page.METRICS},
    **{metric: spread(0.3) for metric in results_page.METRICS},
}
DIFFERENCE = {
    "pooled": {metric: estimate(0.05, -0.01, 0.11) for metric in results_page.METRICS},
    **{metric: spread(0.02) for metric in results_page.METRICS},
}
SHARED = {**MODEL, "users": 9, "words": 1234, "over_baseline": DIFFERENCE}
REPORT = {
    "clients_in_aggregates": 7,
    "global": MODEL,
    "personal": MODEL,
    "gain": {
        "recall_at_3": spread(0.02),
        "relative_mean": estimate(0.191, 0.1, 0.31),
        "relative_median": estimate(0.053),
    },
    "prequential": {"recall_at_3": spread(0.3)},
    "fraction_hurt": 0.042,
    "fraction_helped": 0.458,
    "likely_hurt": estimate(0.0, 0.0, 0.05),
    "likely_helped": estimate(0.4, 0.3, 0.5),
}
RESULTS = {
    "figures.json": {
        name: dict.fromkeys(results_page.GROUPS, SHARED if name == "thumbprint" else TRIGRAM)
        for name in results_page.MODELS
    },
    "training.json": REPORT,
    "new_phones.json": REPORT,
}
FIGURE = {"says": "bundle", "value": 1.994, "unit": "MB", "at_most": 3, "at_least": None}
BLOCKS = {"RESULTS": ("figures", "corpora", "comparison", "machine"), "README": ("results", "costs")}


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A run with made-up results, and the two pages with empty marks."""
    for name, content in RESULTS.items():
        write_json(tmp_path / "run" / name, content)
    keys = {key: FIGURE for _, key, _ in results_page.README_FIGURES}
    for name in results_page.MACHINE_BENCHMARKS:
        write_json(tmp_path / "benchmarks" / f"{name}.json", {"figures": keys})
    for name, blocks in BLOCKS.items():
        page = tmp_path / f"{name}.md"
        page.write_text("".join("before\n{}\nold\n{}\nafter\n".format(*results_page.marks(block)) for block in blocks))
        monkeypatch.setattr(results_page, name, page)
    monkeypatch.setattr(results_page, "RUN", tmp_path / "run")
    monkeypatch.setattr(
        results_page, "OTHER_RUNS", {"the web chat": tmp_path / "chat", "the other": tmp_path / "other"}
    )
    monkeypatch.setattr(results_page, "COMPARISON", tmp_path / "no-comparison")
    monkeypatch.setattr(results_page, "FOLDER", tmp_path / "benchmarks")
    return tmp_path / "RESULTS.md", tmp_path / "README.md"


def test_both_pages_get_their_tables_and_a_second_run_changes_nothing(pages):
    results_page.write_figures(results_page.RUN)
    results, readme = (page.read_text() for page in pages)
    assert "| gain in recall_at_3, relative: mean / median | | +19.1 % (+10.0 to +31.0 %) / +5.3 % |" in results
    assert "| keystroke_savings_with_taps, mean (95 %) | 37.5 % (32.5 to 42.5 %) | 37.5 % (32.5 to 42.5 %) |" in results
    assert "| bundle | 1.99 MB | at most 3 | `benchmarks.phone` |" in results
    assert "| the same, counting each message after its test (95 %) | 30.0 % (25.0 to 35.0 %) | |" in readme
    words = "shared model on 9 new phones, recall@3 over all words (95 %)"
    trigram = "trigram 20.0 % (15.0 to 25.0 %); difference +5.0 (-1.0 to +11.0) points"
    assert f"| {words} | 25.0 % (15.0 to 35.0 %) | {trigram} |" in readme
    differences = "+2.0 (-3.0 to +7.0) / +2.0 (-3.0 to +7.0)"
    assert f"| Thumbprint minus KenLM, percentage points, mean over users | {differences} | {differences} |" in results
    several = "Kneser-Ney trigram of what two users or more typed, centralized, mean over users"
    assert f"| {several} | 30.0 % (25.0 to 35.0 %) / 30.0 % (25.0 to 35.0 %) |" in results
    assert "| 0.0 % (0.0 to 5.0 %) / 40.0 % (30.0 to 50.0 %) | raw: 4.2 % / 45.8 % |" in readme
    assert "| bundle | 1.99 MB | at most 3 |" in readme
    results_page.write_figures(results_page.RUN)
    assert [page.read_text() for page in pages] == [results, readme]


def test_the_tables_of_methods_are_made_from_a_report_of_compare(pages, tmp_path, monkeypatch):
    report = report_of(made_up.comparison(users=20, methods=("global_only", "ditto", "centralized")))
    write_json(tmp_path / "comparison" / "report.json", json.loads(report.model_dump_json()))
    monkeypatch.setattr(results_page, "COMPARISON", tmp_path / "comparison")
    results_page.write_figures(results_page.RUN)
    new_phones, seen = pages[0].read_text().split("users in training in one fold; ")
    rows, others = (
        {line.split("`")[1]: line for line in part.splitlines() if line.startswith("| `")}
        for part in (new_phones, seen)
    )
    assert set(rows) == set(others) == {"global_only", "ditto", "centralized"}
    assert others["ditto"].endswith("| TFF, neural model |")
    assert len({row.count("|") for row in rows.values()}) == 1
    assert re.search(r"\| [+-][\d.]+ % \([+-].*\) / [+-].* \| \d of \d \| [\d.]+ % \| phones \|$", rows["ditto"])


def test_a_block_without_results_stays_as_it_is(pages, tmp_path):
    (tmp_path / "benchmarks" / "phone.json").unlink()
    (tmp_path / "run" / "figures.json").unlink()
    results_page.write_figures(results_page.RUN)
    for page, blocks in zip(pages, BLOCKS.values(), strict=True):
        for begin, end in map(results_page.marks, blocks):
            assert f"{begin}\nold\n{end}" in page.read_text()


def test_each_other_corpus_that_is_measured_is_a_column(pages, tmp_path):
    of_new_phones = {name: {"new_phones": groups["new_phones"]} for name, groups in RESULTS["figures.json"].items()}
    write_json(tmp_path / "chat" / "figures.json", of_new_phones)
    write_json(tmp_path / "chat" / "new_phones.json", REPORT)
    write_json(tmp_path / "chat" / "over_user_history.json", REPORT)
    results_page.write_figures(tmp_path / "chat")
    results = pages[0].read_text()
    assert "| recall@3 on new phones | the web chat |\n" in results
    assert "| shared minus KenLM, points | +2.0 (-3.0 to +7.0) |\n" in results
    assert "| gain, relative: mean | +19.1 % (+10.0 to +31.0 %) |\n" in results
    assert "| recall@3 with the owner's n-grams alone (`user_history`), mean | 25.0 % (20.0 to 30.0 %) |\n" in results
    assert "| shared model, recall@1 / recall@3 (95 %) | 9 new phones |\n" in (tmp_path / "chat/figures.md").read_text()


def test_a_run_elsewhere_writes_no_page(pages, tmp_path):
    for name, content in RESULTS.items():
        write_json(tmp_path / "elsewhere" / name, content)
    before = [page.read_text() for page in pages]
    results_page.write_figures(tmp_path / "elsewhere")
    assert "25.0 %" in (tmp_path / "elsewhere" / "figures.md").read_text()
    assert [page.read_text() for page in pages] == before


@pytest.mark.parametrize(("page", "name"), [("docs/results.md", "RESULTS"), ("README.md", "README")])
def test_the_committed_pages_have_the_marks_and_readme_rows_stand_in_the_results(page, name):
    text = (results_page.ROOT / page).read_text()
    results = (results_page.ROOT / "docs" / "results.md").read_text()
    for begin, end in map(results_page.marks, BLOCKS[name]):
        assert text.count(begin) == text.count(end) == 1
        figures = re.findall(r"[\d.]+ (?:%|(?:MB|ms|s)\b)", text.split(begin)[1].split(end)[0])
        assert figures and all(figure in results for figure in figures)
