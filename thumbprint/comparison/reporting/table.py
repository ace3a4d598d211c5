"""The tables and the conclusion that the terminal shows."""

from __future__ import annotations

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from device_runtime.reporting.table import DASH, interval, percent, relative_gain
from thumbprint.comparison.analysis.report import ComparisonReport, Row
from thumbprint.comparison.analysis.summary import GROUPS
from thumbprint.comparison.reporting.phrases import (
    GROUP_MEANINGS,
    conclusion,
    likely_helped_and_hurt,
    measured_in_tff,
    notice,
    p_value,
    share,
    tested_on,
)
from thumbprint.comparison.results import Group
from thumbprint.console import headed

_COLUMNS = (
    "recall@3", "95 %", "learning on", "median", "weakest tenth", "recall@1", "keys saved, free taps",
    "a tap costs one", "gain", "p", "helped", "hurt", "helped, raw", "hurt, raw",
)  # fmt: skip


def comparison_view(report: ComparisonReport) -> Lines:
    """Returns the notice, one table per group of users (best method first), and the conclusion."""
    parts: list[RenderableType] = []
    if warning := notice(report.comparison):
        parts.append(Text(warning, style="bold yellow"))
    parts += [_table(report, group) for group in GROUPS if report.summary.rows_of(group)]
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
    rows = report.summary.rows_of(group)
    best = report.summary.headline.best if report.summary.headline else None
    for row in rows:
        table.add_row(*_cells(report, row), style="bold" if row.method == best else "")
    return headed(f"{GROUP_MEANINGS[group]}; {tested_on(report.comparison, rows[0])}", table)


def _cells(report: ComparisonReport, row: Row) -> list[str]:
    method = report.comparison.method(row.method)
    mark = " (TFF)" if measured_in_tff(method, row.group) else ""
    recall, against = row.recall_at_3, row.against_global
    cells = [
        row.method + mark,
        percent(recall.mean),
        interval(recall.low, recall.high),
        percent(row.prequential_recall_at_3.mean),
        percent(recall.median),
        percent(recall.p10),
        percent(row.recall_at_1.mean),
        percent(row.keystroke_savings.mean),
        percent(row.keystroke_savings_with_taps.mean),
    ]
    if against is None:
        return [*cells, *[DASH] * (len(_COLUMNS) + 1 - len(cells))]
    return [
        *cells,
        relative_gain(against.relative_mean),
        p_value(against.p_value_corrected),
        *likely_helped_and_hurt(against),
        share(against.fraction_helped),
        share(against.fraction_hurt),
    ]
