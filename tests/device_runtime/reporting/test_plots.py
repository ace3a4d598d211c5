from xml.etree import ElementTree

import pytest

from device_runtime.reporting.plots import gain_picture, user_gains
from tests.support.device_runtime.simulation.report import make_report, row


def test_gains_are_sorted_and_only_of_users_in_the_aggregates():
    report = make_report(extra=[row("few", 0.1, 0.9, False)])
    assert user_gains(report) == pytest.approx([10, 0, -5])


@pytest.mark.parametrize("count", [0, 1, 3, 900])
def test_svg_is_well_formed_and_deterministic(count):
    report = make_report([0.2] * count, [0.2 + 0.0001 * i for i in range(count)])
    svg = gain_picture(report).svg()
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert gain_picture(report).svg() == svg


def test_picture_counts_users_and_shows_the_notice():
    svg = gain_picture(make_report(synthetic=True)).svg().decode()
    for label in ("better for 1 of 3", "worse for 1", "the same for 1", "SYNTHETIC"):
        assert label in svg


def test_draws_a_png():
    assert gain_picture(make_report()).png().startswith(b"\x89PNG\r\n")
