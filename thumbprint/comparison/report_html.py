"""`report.html` of a comparison: one page that opens offline and begins with the answer."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence

import jinja2
from markupsafe import Markup

from device_runtime.pictures import BETTER, INK, WORSE
from device_runtime.wording import percent, points
from thumbprint.comparison import wording
from thumbprint.comparison.answer import LOSSLESS, answer
from thumbprint.comparison.fairness import MIN_GROUP
from thumbprint.comparison.figures import MethodFairness, Row
from thumbprint.comparison.pairing import Pair, paired
from thumbprint.comparison.pictures import PICTURES
from thumbprint.comparison.report import ComparisonReport
from thumbprint.comparison.results import REFERENCE
from thumbprint.comparison.statistics import RESAMPLES
from thumbprint.comparison.summary import GROUPS, TARGET_SHARE

_MOST_ROWS = 1000  # users listed; a browser slows down past that, and report.json has them all


@functools.cache
def _template() -> jinja2.Template:
    # The phones' report has the style that both share.
    loader = jinja2.ChoiceLoader(
        [jinja2.PackageLoader(package, "templates") for package in ("thumbprint.comparison", "device_runtime")]
    )
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "points": points, "volume": wording.volume, "p_value": wording.p_value}
    environment.globals |= {"said": wording}
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
        notice=wording.notice(comparison),
        answer=answer(report),
        budget=wording.budget(comparison),
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
            found.append((wording.GROUP_TITLES[group], rows))
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
