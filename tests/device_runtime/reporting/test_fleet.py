import io

import pytest
from rich.console import Console

from device_runtime.reporting.fleet import adaptations_picture, recall_picture, table_of
from tests.support.device_runtime.simulation.fleet_report import make_fleet_report


def shown(report):
    console = Console(width=140, file=io.StringIO())
    console.print(table_of(report))
    return console.file.getvalue()


def test_the_table_shows_the_figures_and_the_reasons(bundle):
    said = shown(make_fleet_report([bundle]))
    assert "SYNTHETIC" in said
    assert "3 phones of 2 users through 3 days (seed 7)" in said
    assert "day 0" in said and "days 1 to 2" in said
    assert "62.5 %" in said and "25.0 %" in said and "-37.5" in said
    assert "the phone is not charging" in said and "40" in said
    assert "at most 5 drawn from each phone-day" in said
    assert "28.6 % of the messages were written while the phone was off." in said
    assert "1 phone whose data caused an error (ValueError: no text)" in said


def test_the_table_of_an_empty_fleet_says_that_there_is_nothing_to_compare(bundle):
    assert "nothing to compare" in shown(make_fleet_report([bundle], timelines=(), failed=()))


@pytest.mark.parametrize("draw", [recall_picture, adaptations_picture])
@pytest.mark.parametrize("timelines", ["some", "none"])
def test_pictures_are_the_same_for_the_same_report(bundle, draw, timelines):
    report = (
        make_fleet_report([bundle]) if timelines == "some" else make_fleet_report([bundle], timelines=(), failed=())
    )
    svg = draw(report).svg()
    assert svg == draw(report).svg()
    assert svg.startswith(b"<?xml") and b"SYNTHETIC" in svg
    assert draw(report).png().startswith(b"\x89PNG")
    if timelines == "some":
        assert (b"personal" if draw is recall_picture else b"the phone is not charging: 40") in svg
