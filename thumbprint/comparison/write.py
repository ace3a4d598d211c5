"""A comparison's folder: `report.json`, `report.html` and the pictures, each written whole."""

from __future__ import annotations

from pathlib import Path

from device_runtime.report_file import write_file, write_model
from thumbprint.comparison.pictures import PICTURES, picture
from thumbprint.comparison.report import ComparisonReport, report_of
from thumbprint.comparison.report_html import render
from thumbprint.comparison.results import Comparison

REPORT, PAGE, PICTURE_FOLDER = "report.json", "report.html", "pictures"


def write_comparison(out: Path, comparison: Comparison) -> ComparisonReport:
    """Writes everything into the folder `out`, for its owner to read: it speaks of single people.

    The figures are written first: what took hours to measure is safe before anything is drawn.

    Returns:
        What `report.json` holds.

    Raises:
        ReportError: `out` cannot be written to, or the disk is full; each file is the old one or the new one.
    """
    report = report_of(comparison)
    write_model(out / REPORT, report)
    drawn = {name: picture(report, name, "svg") for name in PICTURES}
    write_file(out / PAGE, render(report, drawn).encode())
    for name, svg in drawn.items():
        write_file(out / PICTURE_FOLDER / f"{name}.svg", svg)
        write_file(out / PICTURE_FOLDER / f"{name}.png", picture(report, name, "png"))
    return report
