import io

from rich.console import Console

from device_runtime.reporting.html import render
from device_runtime.reporting.table import table_of
from device_runtime.simulation.report import (
    FailedUser,
)
from tests.support.device_runtime.simulation.report import make_report, row


def printed(report):
    console = Console(file=io.StringIO(), width=140)
    console.print(table_of(report))
    return console.file.getvalue()


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
