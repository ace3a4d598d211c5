"""Writes the report of a comparison into a folder: `report.json`, `report.html` and the pictures.

`report.html` is one page that opens offline and begins with the conclusion.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2

from device_runtime.reporting.html import inline_picture, load_template
from device_runtime.simulation.report import write_file, write_model
from keyboard_model.user_statistics import RESAMPLES
from thumbprint.comparison.analysis.fairness import MIN_GROUP
from thumbprint.comparison.analysis.report import ComparisonReport, MethodFairness, Row
from thumbprint.comparison.analysis.statistics import Pair, paired_rows
from thumbprint.comparison.analysis.summary import GROUPS, TARGET_SHARE, report_of
from thumbprint.comparison.reporting import phrases
from thumbprint.comparison.reporting.plots import PICTURES, picture
from thumbprint.comparison.results import REFERENCE, Comparison

REPORT, PAGE, PICTURE_FOLDER = "report.json", "report.html", "pictures"
_PNG_DPI = 110
_MAX_ROWS = 1000  # users listed on the page: more slow a browser down, and report.json has all of them


def write_comparison(out: Path, comparison: Comparison) -> ComparisonReport:
    """Writes all files into the folder `out`, readable by their owner only, because they contain ids of users.

    The figures are written first, so that hours of measurements are safe before anything is drawn.

    Returns:
        The content of `report.json`.

    Raises:
        ReportError: `out` cannot be written, or the disk is full. Each file is then the old one or the new one.
    """
    report = report_of(comparison)
    write_model(out / REPORT, report)
    drawings = {name: picture(report, name) for name in PICTURES}
    vector = {name: drawing.svg() for name, drawing in drawings.items()}
    write_file(out / PAGE, render(report, vector).encode())
    for name, drawing in drawings.items():
        write_file(out / PICTURE_FOLDER / f"{name}.svg", vector[name])
        write_file(out / PICTURE_FOLDER / f"{name}.png", drawing.png(_PNG_DPI))
    return report


@functools.cache
def _template() -> jinja2.Template:
    return load_template("comparison.html", "thumbprint.comparison.reporting")


def render(report: ComparisonReport, pictures: Mapping[str, bytes]) -> str:
    """Returns the page. All text from the corpus is escaped, and the page loads nothing.

    Args:
        pictures: An SVG for each name in `plots.PICTURES`.
    """
    summary, comparison = report.summary, report.comparison
    return _template().render(
        report=report,
        comparison=comparison,
        summary=summary,
        phrases=phrases,
        notice=phrases.notice(comparison),
        conclusion=phrases.conclusion(report),
        budget=phrases.budget(comparison),
        groups=[(group, rows) for group in GROUPS if (rows := summary.rows_of(group))],
        methods={method.name: method for method in comparison.methods},
        variants=_variants(report),
        fairness=_fairness(report),
        reach={reach.method: reach for reach in summary.reach},
        users=_users(report),
        pictures={name: inline_picture(svg, f"{name}-") for name, svg in pictures.items()},
        alt={name: picture.alt for name, picture in PICTURES.items()},
        reference=REFERENCE,
        resamples=RESAMPLES,
        min_group=MIN_GROUP,
        target_share=TARGET_SHARE,
        max_rows=_MAX_ROWS,
    )


def _variants(report: ComparisonReport) -> list[tuple[str, list[Row]]]:
    """Returns the methods that have variants, next to these, for each group: `[(group, [base, variant, ...])]`."""
    bases = {method.base for method in report.comparison.methods if method.base != method.name}
    base_of = {method.name: method.base for method in report.comparison.methods if method.base in bases}
    groups = []
    for group in GROUPS:
        rows = [row for row in report.summary.rows_of(group) if row.method in base_of]
        if rows:
            rows.sort(key=lambda row: (base_of[row.method], row.method))
            groups.append((phrases.GROUP_TITLES[group], rows))
    return groups


def _fairness(report: ComparisonReport) -> list[MethodFairness]:
    """Returns the gaps of each method over all users, best method first."""
    order = list(dict.fromkeys(row.method for row in report.summary.rows))
    over_all = [fairness for fairness in report.summary.fairness if fairness.population == "all"]
    return sorted(over_all, key=lambda fairness: order.index(fairness.method))


def _users(report: ComparisonReport) -> Sequence[Pair]:
    """Returns every user under the best method, largest loss first."""
    headline = report.summary.headline
    method = report.comparison.method(headline.best) if headline else None
    if method is None or method.name == REFERENCE:
        return []
    return sorted(paired_rows(report.comparison, method), key=lambda pair: pair.gain)
