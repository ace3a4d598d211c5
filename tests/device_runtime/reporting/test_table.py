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


def test_explains_the_result_in_a_sentence():
    text = " ".join(printed(make_report()).split())
    assert "the shared keyboard shows 30.0 before they are typed, the personal one 31.7 (+5.6 %)" in text
    assert "it helps 1 and hurts 0 of 3 users" in text and "33 % lose a word or more" in text
    assert "SYNTHETIC" not in text


def test_starts_with_the_notice_if_messages_are_synthetic():
    assert printed(make_report(synthetic=True)).startswith("SYNTHETIC")


def test_says_who_is_not_in_the_averages():
    report = make_report(extra=[row("quiet", None, None, False)], failed=[FailedUser(user_id="x", reason="broken")])
    text = " ".join(printed(report).split())
    assert (
        "1 user with fewer than 20 messages or no word to test and 1 user whose data caused an error (broken)" in text
    )


def test_says_that_there_is_nothing_to_compare():
    report = make_report((), ())
    assert "No user had 20 messages" in printed(report)
    assert "No user had 20 messages" in render(report)
