from xml.etree import ElementTree

import pytest

from device_runtime.reporting.plots import gain_of_each, gain_picture
from tests.support.device_runtime.simulation.report import make_report, row


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
