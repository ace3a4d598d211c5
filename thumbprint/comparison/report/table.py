"""A comparison as a terminal shows it."""

from __future__ import annotations

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from device_runtime.reporting.phrases import DASH, percent
from thumbprint.comparison.analysis.metrics import Row
from thumbprint.comparison.analysis.summary import GROUPS
from thumbprint.comparison.report.conclusion import conclusion
from thumbprint.comparison.report.phrases import (
    GROUP_MEANINGS,
    hurt_surely,
    interval,
    notice,
    p_value,
    relative,
    share_of,
    tested_on,
)
from thumbprint.comparison.report.report import ComparisonReport, report_of
from thumbprint.comparison.results import Comparison, Group
from thumbprint.console.tables import headed

_COLUMNS = (
    "recall@3", "95 %", "median", "weakest tenth", "worst", "recall@1", "keystrokes", "on global", "p", "helped",
    "hurt", "surely hurt",
)  # fmt: skip


def comparison_view(comparison: Comparison) -> Lines:
    """Returns the notice, a table a group of users, best method first, and the answer last, where the eye rests."""
    report = report_of(comparison)
    parts: list[RenderableType] = []
    if said := notice(report.comparison):
        parts.append(Text(said, style="bold yellow"))
    parts += [_table(report, group) for group in GROUPS if report.summary.of(group)]
    parts += [Text(f"left out: {skipped.name}: {skipped.reason}", style="dim") for skipped in report.comparison.skipped]
    first, *others = conclusion(report)
    parts.append(Text(first, style="bold"))
    parts += [Text(sentence) for sentence in others]
    return Lines(*parts)


def _table(report: ComparisonReport, group: Group) -> RenderableType:
    table = Table()
    table.add_column("method", no_wrap=True)
    for title in _COLUMNS:
        table.add_column(title, justify="right")
    rows = report.summary.of(group)
    best = report.summary.headline.best if report.summary.headline else None
    for row in rows:
        table.add_row(*_cells(report, row), style="bold" if row.method == best else "")
    return headed(f"{GROUP_MEANINGS[group]}; {tested_on(report.comparison, rows[0])}", table)


def _cells(report: ComparisonReport, row: Row) -> list[str]:
    method = report.comparison.method(row.method)
    mark = " (TFF)" if method and method.where == "tff" else ""
    recall, against = row.recall_at_3, row.against_global
    cells = [
        row.method + mark,
        percent(recall.mean),
        interval(recall.low, recall.high),
        percent(recall.median),
        percent(recall.p10),
        percent(recall.worst),
        percent(row.recall_at_1.mean),
        percent(row.keystroke_savings.mean),
    ]
    if against is None:
        return [*cells, *[DASH] * (len(_COLUMNS) + 1 - len(cells))]
    return [
        *cells,
        relative(against.relative_mean),
        p_value(against.p_value_corrected),
        share_of(against.fraction_helped),
        share_of(against.fraction_hurt),
        hurt_surely(against),
    ]
