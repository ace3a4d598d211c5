"""The report of a simulation: its sentences and cells, and the table that the terminal shows."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from device_runtime.reporting.phrases import figure, people, percent, points, size, synthetic_notice
from device_runtime.simulation.report import ModelSummary, Report

COLUMNS = ("mean", "median", "p10", "worst", "std")
COLUMN_TITLES = ("mean", "median", "weakest tenth", "worst", "std")
METRIC_TITLES = {
    "recall_at_3": "the next word is among the 3 shown",
    "recall_at_1": "the next word is the first shown",
    "keystroke_savings": "characters you need not type",
}


def spread_cells(summary: ModelSummary, metric: str) -> Sequence[str]:
    """The five figures of one metric, in the order of `COLUMNS`."""
    return [percent(getattr(getattr(summary, metric), column)) for column in COLUMNS]


def gain_cells(report: Report) -> Sequence[str]:
    """What each person gained in recall_at_3, in points, in the order of `COLUMNS`; a std has no sign."""
    gain = report.gain.recall_at_3
    signed = [points(getattr(gain, column)) for column in COLUMNS[:-1]]
    return [*signed, points(gain.std).removeprefix("+")]


def notice_of(report: Report) -> str | None:
    """The notice above all figures if messages were generated; None for real ones."""
    return synthetic_notice(report.corpus.synthetic, report.bundle.synthetic, "the people tested")


def meaning(report: Report) -> str:
    """One line that says what the report found."""
    shared, personal = report.shared.recall_at_3.mean, report.personal.recall_at_3.mean
    if shared is None or personal is None:
        return (
            f"Nobody had {report.min_messages} messages and a word to test, so there is nothing to compare: "
            "lower --min-messages or give a larger corpus."
        )
    relative = report.gain.relative_mean
    change = "" if relative is None else f" ({100 * relative:+.0f} %)"
    return (
        f"Of 100 words, the shared keyboard shows {100 * shared:.1f} before they are typed, the personal one "
        f"{100 * personal:.1f}{change}. It notably helps {percent(report.fraction_helped, 0)} of "
        f"{people(report.clients_in_aggregates)} and makes it worse for {percent(report.fraction_hurt, 0)}."
    )


def cost(report: Report) -> str:
    """One line on what it takes of a phone."""
    return (
        f"Half of the phones store {size(report.adapter_bytes.p50)} or less for it (at most "
        f"{size(report.adapter_bytes.max)}), learn in {figure(report.adaptation_seconds.p50, 's')} "
        f"(99 of 100 within {figure(report.adaptation_seconds.p99, 's')}) and predict in "
        f"{figure(report.prediction_ms.p50, 'ms')} (99 of 100 within {figure(report.prediction_ms.p99, 'ms')})."
    )


def left_out(report: Report) -> str | None:
    """Who is not in the averages and why; None when everybody is."""
    few = len(report.clients) - report.clients_in_aggregates
    notes = []
    if few:
        notes.append(f"{people(few)} with under {report.min_messages} messages or no word to test")
    if report.failed:
        notes.append(f"{people(len(report.failed))} whose data broke ({report.failed[0].reason})")
    return f"Not in the averages: {' and '.join(notes)}." if notes else None


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
    notice = notice_of(report)
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
