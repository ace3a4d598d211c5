"""A comparison's folder: `report.json`, `report.html` and the pictures, each written whole.

`report.html` of a comparison: one page that opens offline and begins with the answer.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from device_runtime.reporting.phrases import percent, points
from device_runtime.reporting.plot_style import BETTER, INK, WORSE
from device_runtime.simulation.report import write_file, write_model
from thumbprint.comparison.analysis.fairness import MIN_GROUP
from thumbprint.comparison.analysis.metrics import MethodFairness, Row
from thumbprint.comparison.analysis.statistics import RESAMPLES, Pair, paired
from thumbprint.comparison.analysis.summary import GROUPS, TARGET_SHARE
from thumbprint.comparison.report import phrases
from thumbprint.comparison.report.conclusion import LOSSLESS, conclusion
from thumbprint.comparison.report.plots import PICTURES, picture
from thumbprint.comparison.report.report import ComparisonReport, report_of
from thumbprint.comparison.results import REFERENCE, Comparison

_MOST_ROWS = 1000  # users listed; a browser slows down past that, and report.json has them all


@functools.cache
def _template() -> jinja2.Template:
    # The phones' report has the style that both share.
    loader = jinja2.ChoiceLoader(
        [
            jinja2.PackageLoader(package, "templates")
            for package in ("thumbprint.comparison.report", "device_runtime.reporting")
        ]
    )
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "points": points, "volume": phrases.volume, "p_value": phrases.p_value}
    environment.globals |= {"said": phrases}
    return environment.get_template("comparison.html")


def inline(name: str, svg: bytes) -> Markup:
    """Returns a picture as part of a page: the page's colours for its own, and ids that no other picture has."""
    text = svg.decode()
    text = text[text.index("<svg") :]  # without the XML prolog, which HTML has no place for
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)
    for color, variable in ((INK, "ink"), (BETTER, "better"), (WORSE, "worse")):
        text = text.replace(color, f"var(--{variable})")
    return Markup(text)


def render(report: ComparisonReport, pictures: Mapping[str, bytes]) -> str:
    """Returns the page. Every text of the corpus is escaped; nothing is loaded from anywhere.

    Args:
        pictures: An SVG for each name in `pictures.PICTURES`.
    """
    summary, comparison = report.summary, report.comparison
    return _template().render(
        report=report,
        comparison=comparison,
        summary=summary,
        notice=phrases.notice(comparison),
        answer=conclusion(report),
        budget=phrases.budget(comparison),
        groups=[(group, rows) for group in GROUPS if (rows := summary.of(group))],
        methods={method.name: method for method in comparison.methods},
        variants=_variants(report),
        fairness=_fairness(report),
        reach={reach.method: reach for reach in summary.reach},
        people=_people(report),
        pictures={name: inline(name, svg) for name, svg in pictures.items()},
        alt={name: picture.alt for name, picture in PICTURES.items()},
        reference=REFERENCE,
        resamples=RESAMPLES,
        min_group=MIN_GROUP,
        lossless=LOSSLESS,
        target_share=TARGET_SHARE,
        most_rows=_MOST_ROWS,
    )


def _variants(report: ComparisonReport) -> list[tuple[str, list[Row]]]:
    """A method with variants beside them, in each group: `[(group, [base, variant, ...])]`."""
    bases = {method.base for method in report.comparison.methods if method.base != method.name}
    names = {method.name: method.base for method in report.comparison.methods if method.base in bases}
    found = []
    for group in GROUPS:
        rows = [row for row in report.summary.of(group) if row.method in names]
        if rows:
            rows.sort(key=lambda row: (names[row.method], row.method))
            found.append((phrases.GROUP_TITLES[group], rows))
    return found


def _fairness(report: ComparisonReport) -> list[MethodFairness]:
    """The gaps of each method over all users, best method first."""
    order = list(dict.fromkeys(row.method for row in report.summary.rows))
    shown = [found for found in report.summary.fairness if found.population == "all"]
    return sorted(shown, key=lambda found: order.index(found.method))


def _people(report: ComparisonReport) -> Sequence[Pair]:
    """Every user under the best method, largest loss first."""
    headline = report.summary.headline
    method = report.comparison.method(headline.best) if headline else None
    if method is None or method.name == REFERENCE:
        return []
    return sorted(paired(report.comparison, method), key=lambda pair: pair.gain)


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
