"""A fleet's report as a terminal shows it."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from device_runtime.fleet.report import FleetReport
from device_runtime.fleet.spans import spans
from device_runtime.fleet.wording import (
    cost,
    failed,
    gain,
    meaning,
    missed,
    sampling,
    span_title,
    synthetic_notice,
    title,
)
from device_runtime.wording import percent

_BY = {"policy": "not begun (hourly looks)", "gate": "ran, not kept"}
_MOST_REASONS = 12


def _days(report: FleetReport) -> Table:
    table = Table(title=title(report), title_justify="left")
    table.add_column("since first use")
    for column in ("phone-days tested", "shared", "personal", "gain, points", "adaptations", "kept"):
        table.add_column(column, justify="right")
    for span in spans(report.days):
        recalls = percent(span.shared), percent(span.personal), gain(span)
        table.add_row(span_title(span), f"{span.phone_days:,}", *recalls, f"{span.adaptations:,}", f"{span.kept:,}")
    return table


def _refusals(report: FleetReport) -> Table:
    table = Table(title="Adaptations that did not come to be", title_justify="left")
    table.add_column("")
    table.add_column("why")
    table.add_column("times", justify="right")
    for refusal in report.refusals[:_MOST_REASONS]:
        table.add_row(_BY[refusal.by], refusal.reason, f"{refusal.times:,}")
    return table


def table_of(report: FleetReport) -> Group:
    """Returns the notice, the tables, and the lines that say what they mean."""
    notice, lines = synthetic_notice(report), [sampling(report), cost(report)]
    lines += [line for line in (missed(report), failed(report)) if line]
    parts: list[Table | Text] = [Text(notice, style="bold yellow")] if notice else []
    second = f", then {report.next_bundle.name}," if report.next_bundle else ""
    parts.append(Text(f"bundle {report.bundle.name}{second} on {report.corpus.description}"))
    parts.append(_days(report))
    parts.append(Text("shared, personal: the next word is among the 3 shown, mean over phone-days", style="dim"))
    if report.refusals:
        parts.append(_refusals(report))
    parts.append(Text(meaning(report), style="bold"))
    parts += [Text(line) for line in lines]
    return Group(*parts)
