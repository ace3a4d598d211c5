import io
import json

import pytest
from rich.console import Console

from device_runtime.reporting.fleet_plots import adaptations_picture, recall_picture
from device_runtime.reporting.fleet_table import table_of
from device_runtime.simulation.fleet.report import load_fleet_report, write_fleet_report
from device_runtime.simulation.report import ReportError
from tests.support.device_runtime.fleet.lives import report_of

KEYS = """
    schema_version bundle next_bundle corpus plan phones people phones_by_own_times phones_with_wrong_clocks global
    personal gain days refusals adaptations adaptation_seconds adapter_bytes phones_with_adapter failed
"""
DAY_KEYS = """
    day phones words typed missed adaptations kept new_bundle global personal global_pooled personal_pooled
"""


def test_it_is_read_as_it_was_written(bundle, tmp_path):
    report = report_of([bundle])
    write_fleet_report(tmp_path / "fleet.json", report)
    assert load_fleet_report(tmp_path / "fleet.json") == report


def test_the_schema_is_stable(bundle, tmp_path):
    write_fleet_report(tmp_path / "fleet.json", report_of([bundle]))
    written = json.loads((tmp_path / "fleet.json").read_text())
    assert list(written) == KEYS.split()
    assert list(written["days"][0]) == DAY_KEYS.split()
    assert list(written["days"][0]["global"]) == ["recall_at_1", "recall_at_3"]
    assert list(written["plan"]) == ["population", "days", "seed", "words_a_day", "release_day", "world"]


@pytest.mark.parametrize(
    ("content", "said"),
    [("{}", "bundle"), ("no json", "the file"), (None, "cannot read"), ("version", "simulate again")],
)
def test_what_is_no_report_is_said(bundle, tmp_path, content, said):
    path = tmp_path / "fleet.json"
    if content == "version":
        content = report_of([bundle]).model_copy(update={"schema_version": 2}).model_dump_json()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ReportError, match=said):
        load_fleet_report(path)


def test_a_folder_that_cannot_be_made(bundle, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot write"):
        write_fleet_report(tmp_path / "file" / "fleet.json", report_of([bundle]))


def shown(report):
    console = Console(width=140, file=io.StringIO())
    console.print(table_of(report))
    return console.file.getvalue()


def test_the_table_says_it_all(bundle):
    said = shown(report_of([bundle]))
    assert "SYNTHETIC" in said
    assert "3 phones of 2 people through 3 days (seed 7)" in said
    assert "day 0" in said and "days 1 to 2" in said
    assert "62.5 %" in said and "25.0 %" in said and "-37.5" in said
    assert "the phone is not charging" in said and "40" in said
    assert "at most 5 drawn from each phone-day" in said
    assert "28.6 % of the messages were written while the phone was off." in said
    assert "1 phone whose data broke (ValueError: no text)" in said


def test_the_table_of_nobody(bundle):
    assert "nothing to compare" in shown(report_of([bundle], lives=(), failed=()))


@pytest.mark.parametrize("draw", [recall_picture, adaptations_picture])
@pytest.mark.parametrize("lives", ["some", "none"])
def test_pictures_are_the_same_for_the_same_report(bundle, draw, lives):
    report = report_of([bundle]) if lives == "some" else report_of([bundle], lives=(), failed=())
    svg = draw(report, "svg")
    assert svg == draw(report, "svg")
    assert svg.startswith(b"<?xml") and b"SYNTHETIC" in svg
    assert draw(report, "png").startswith(b"\x89PNG")
    if lives == "some":
        assert (b"personal" if draw is recall_picture else b"the phone is not charging: 40") in svg
