"""A report as a terminal shows it."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from device_runtime.report import Report
from device_runtime.wording import (
    COLUMN_TITLES,
    METRIC_TITLES,
    cost,
    gain_cells,
    left_out,
    meaning,
    people,
    spread_cells,
    synthetic_notice,
)


def _table(report: Report) -> Table:
    table = Table(title=f"{people(report.clients_in_aggregates)}, each with a phone of their own", title_justify="left")
    table.add_column("measured on messages the phone never saw")
    table.add_column("keyboard")
    for title in COLUMN_TITLES:
        table.add_column(title, justify="right")
    for metric, title in METRIC_TITLES.items():
        table.add_row(title, "shared", *spread_cells(report.shared, metric))
        table.add_row("", "personal", *spread_cells(report.personal, metric), style="bold", end_section=True)
    table.add_row("gain of each person in the first, points", "", *gain_cells(report))
    return table


def table_of(report: Report) -> Group:
    """Returns the notice, the table, and the lines that say what it means."""
    notice = synthetic_notice(report)
    parts: list[Table | Text] = []
    if notice:
        parts.append(Text(notice, style="bold yellow"))
    parts.append(Text(f"bundle {report.bundle.name} on {report.corpus.description}"))
    parts.append(_table(report))
    parts.append(Text(meaning(report), style="bold"))
    parts.append(Text(cost(report)))
    note = left_out(report)
    if note:
        parts.append(Text(note, style="dim"))
    return Group(*parts)
