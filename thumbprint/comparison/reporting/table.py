"""The tables and the conclusion that the terminal shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from device_runtime.reporting.table import interval, percent, relative_gain
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

_RECALLS = (
    "recall@3, 95 %", "learning on", "median", "weakest tenth", "recall@1", "keys saved, free taps", "a tap costs one"
)  # fmt: skip
_AGAINST = ("gain, 95 %", "p", "helped", "hurt", "helped, raw", "hurt, raw")


def comparison_view(report: ComparisonReport) -> Lines:
    """Returns the notice, the tables of each group of users (best method first), and the conclusion."""
    parts: list[RenderableType] = []
    if warning := notice(report.comparison):
        parts.append(Text(warning, style="bold yellow"))
    parts += [_tables(report, group) for group in GROUPS if report.summary.rows_of(group)]
    parts += [Text(f"left out: {skipped.name}: {skipped.reason}", style="dim") for skipped in report.comparison.skipped]
    first, *others = conclusion(report)
    parts.append(Text(first, style="bold"))
    parts += [Text(sentence) for sentence in others]
    return Lines(*parts)


def _tables(report: ComparisonReport, group: Group) -> RenderableType:
    """Returns two tables, each narrow enough for a log: what methods reach, and their gain over the shared model."""
    rows = report.summary.rows_of(group)
    title = f"{GROUP_MEANINGS[group]}; {tested_on(report.comparison, rows[0])}"
    compared = [row for row in rows if row.against_global is not None]
    parts = [headed(title, _table(report, rows, _RECALLS, _recalls))]
    if compared:
        parts.append(headed("The same users: against the shared model", _table(report, compared, _AGAINST, _against)))
    return Lines(*parts)


def _table(
    report: ComparisonReport, rows: Sequence[Row], columns: Sequence[str], cells: Callable[[Row], list[str]]
) -> Table:
    table = Table()
    table.add_column("method", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=column.endswith("95 %"))  # intervals
    best = report.summary.headline.best if report.summary.headline else None
    for row in rows:
        mark = " (TFF)" if measured_in_tff(report.comparison.method(row.method), row.group) else ""
        table.add_row(row.method + mark, *cells(row), style="bold" if row.method == best else "")
    return table


def _recalls(row: Row) -> list[str]:
    recall = row.recall_at_3
    return [
        f"{percent(recall.mean)} {interval(recall.low, recall.high)}".strip(),
        percent(row.prequential_recall_at_3.mean),
        percent(recall.median),
        percent(recall.p10),
        percent(row.recall_at_1.mean),
        percent(row.keystroke_savings.mean),
        percent(row.keystroke_savings_with_taps.mean),
    ]


def _against(row: Row) -> list[str]:
    against = row.against_global
    assert against is not None, "only compared rows have a place in this table"
    return [
        relative_gain(against.relative_mean),
        p_value(against.p_value_corrected),
        *likely_helped_and_hurt(against),
        share(against.fraction_helped),
        share(against.fraction_hurt),
    ]
