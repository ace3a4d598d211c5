"""`report.html`: a report as one page that opens offline and explains itself to a newcomer."""

from __future__ import annotations

import functools
from pathlib import Path

import jinja2
from markupsafe import Markup

from device_runtime.reporting import phrases, table
from device_runtime.reporting.plot_style import BETTER, INK, WORSE
from device_runtime.reporting.plots import gain_picture
from device_runtime.simulation.examples import Example, Examples
from device_runtime.simulation.report import Report, write_file

_MOST_ROWS = 1000  # people listed; a browser slows down past that, and report.json has them all
_CONTEXT = 60  # characters of a message shown before the word


@functools.cache
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("device_runtime.reporting", "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": phrases.percent, "points": phrases.points, "size": phrases.size}
    return environment.get_template("report.html")


def _inline_picture(report: Report) -> Markup:
    svg = gain_picture(report, "svg").decode()
    svg = svg[svg.index("<svg") :]  # without the XML prolog, which HTML has no place for
    for color, name in ((INK, "ink"), (BETTER, "better"), (WORSE, "worse")):
        svg = svg.replace(color, f"var(--{name})")
    return Markup(svg)


def shorten(context: str) -> str:
    """Returns the end of a context, cut where a word begins, with what was cut away marked."""
    if len(context) <= _CONTEXT:
        return context
    end = context[-_CONTEXT:]
    return "… " + end[end.find(" ") + 1 :]


def _seen(example: Example) -> dict[str, object]:
    return {"context": shorten(example.context), "example": example}


def render(report: Report, examples: Examples | None = None) -> str:
    """Returns the page: headline figures, table, picture, examples if given, explanation, people.

    Every text of the corpus is escaped; nothing is loaded from anywhere.
    """
    return _template().render(
        report=report,
        notice=table.notice_of(report),
        meaning=table.meaning(report),
        cost=table.cost(report),
        left_out=table.left_out(report),
        column_titles=table.COLUMN_TITLES,
        metrics=[
            (title, table.spread_cells(report.shared, metric), table.spread_cells(report.personal, metric))
            for metric, title in table.METRIC_TITLES.items()
        ],
        gain=table.gain_cells(report),
        picture=_inline_picture(report),
        examples=[_seen(example) for example in examples.items] if examples else [],
        chosen=examples.chosen if examples else None,
        clients=report.clients[:_MOST_ROWS],
    )


def write_html(path: Path, report: Report, examples: Examples | None = None) -> None:
    """Writes the page, whole or not at all.

    Raises:
        ReportError: `path` cannot be written; what stood there stays.
    """
    write_file(path, render(report, examples).encode())
