"""`report.html`: a report as one page that works offline and explains its figures.

Other pages use its parts.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import jinja2
from markupsafe import Markup

from device_runtime.reporting import table
from device_runtime.reporting.plots import BETTER, INK, WORSE, gain_picture
from device_runtime.simulation.examples import Example, Examples
from device_runtime.simulation.report import Report, write_file

_PACKAGE = "device_runtime.reporting"
_MOST_ROWS = 1000  # users in the list. With more, browsers are slow, and report.json has all of them
_CONTEXT_LENGTH = 60  # characters of the message before the word


def load_template(name: str, *packages: str) -> jinja2.Template:
    """Loads a page's template, with autoescaping, from the `templates` folders of packages and of this one.

    Templates can include the `page_style.html` of this package.
    """
    loader = jinja2.ChoiceLoader([jinja2.PackageLoader(package, "templates") for package in (*packages, _PACKAGE)])
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": table.percent, "points": table.points, "size": table.size}
    return environment.get_template(name)


@functools.cache
def _template() -> jinja2.Template:
    return load_template("report.html")


def inline_picture(svg: bytes, id_prefix: str = "") -> Markup:
    """Returns an SVG as a part of a page, in the page's colours.

    Args:
        id_prefix: Put before every id, so that no two pictures of a page share one.
    """
    text = svg.decode()
    text = text[text.index("<svg") :]  # HTML does not allow the XML prolog
    text = re.sub(r'\bid="', f'id="{id_prefix}', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{id_prefix}", text)
    for color, name in ((INK, "ink"), (BETTER, "better"), (WORSE, "worse")):
        text = text.replace(color, f"var(--{name})")
    return Markup(text)


def shorten(context: str) -> str:
    """Returns the end of a long context, from the start of a word on, with `…` in place of the rest."""
    if len(context) <= _CONTEXT_LENGTH:
        return context
    end = context[-_CONTEXT_LENGTH:]
    return "… " + end[end.find(" ") + 1 :]


def _example_row(example: Example) -> dict[str, object]:
    return {"context": shorten(example.context), "example": example}


def render(report: Report, examples: Examples | None = None) -> str:
    """Returns the page: headline figures, table, picture, examples if given, explanations, and the list of users.

    All text from the corpus is escaped. The page loads nothing from elsewhere.
    """
    return _template().render(
        report=report,
        notice=table.notice_of(report),
        meaning=table.meaning(report),
        cost=table.cost(report),
        left_out=table.left_out(report),
        column_titles=table.COLUMN_TITLES,
        metrics=[(title, table.metric_rows(report, metric)) for metric, title in table.METRIC_TITLES.items()],
        gain=table.gain_rows(report),
        picture=inline_picture(gain_picture(report).svg()),
        examples=[_example_row(example) for example in examples.items] if examples else [],
        examples_explanation=examples.explanation if examples else None,
        clients=report.clients[:_MOST_ROWS],
    )


def write_html(path: Path, report: Report, examples: Examples | None = None) -> None:
    """Writes the page, whole or not at all.

    Raises:
        ReportError: `path` cannot be written. An old file there is unchanged.
    """
    write_file(path, render(report, examples).encode())
