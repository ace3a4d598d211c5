"""The report of a fleet: the tables that the terminal shows, and the pictures of the fleet's days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from device_runtime.reporting.plots import BETTER, INK, WORSE, Drawing, new_figure
from device_runtime.reporting.table import figure, interval, percent, phones, points, size, synthetic_notice, users
from device_runtime.simulation.fleet.report import DayRow, FleetReport, Span, span_of, spans

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_REFUSED_BY = {"policy": "not started (hourly checks)", "gate": "ran, not kept"}
_MOST_REASONS = 12
_MOST_REASONS_DRAWN = 8
_WEEK = 7


def title(report: FleetReport) -> str:
    """Returns the size of the fleet: its phones, users and days."""
    plan, days = report.plan, "1 day" if report.plan.days == 1 else f"{report.plan.days} days"
    return f"{phones(report.phones)} of {users(report.users)} through {days} (seed {plan.seed})"


def notice_of(report: FleetReport) -> str | None:
    """Returns the notice above all figures if messages were generated, or None for real messages."""
    return synthetic_notice(report.corpus.synthetic, report.synthetic, "the users")


def span_title(span: Span) -> str:
    return f"day {span.first}" if span.first == span.last else f"days {span.first} to {span.last}"


def gain(span: Span) -> str:
    """Returns the gain of the personal keyboard in points."""
    return points(span.personal - span.shared if span.personal is not None and span.shared is not None else None)


def meaning(report: FleetReport) -> str:
    """Returns a sentence on how the gain changes over time."""
    tested = [span for span in spans(report.days) if span.phone_days]
    if not tested:
        return "No user typed a word while their phone was on, so there is nothing to compare: give a larger --days."
    first, last = tested[0], tested[-1]
    all_days = f"{points(report.gain.mean)} {interval(report.gain.low, report.gain.high, signed=True)}".strip()
    return (
        f"On {span_title(first)} the personal keyboard shows {gain(first)} words of 100 more than the shared one "
        f"before they are typed; on {span_title(last)}, {gain(last)}. Over all days, {all_days}: mean over phones, in "
        "brackets the 95 % interval by user."
    )


def sampling(report: FleetReport) -> str:
    """Returns sentences on how many words were tested, and whether the times of the messages were drawn."""
    words = sum(day.words for day in report.days)
    drawn = report.phones - len(report.failed) - report.phones_by_own_times
    return (
        f"{words:,} words tested, at most {report.plan.words_a_day} drawn from each phone-day, each before the phone "
        f"saw it. {phones(report.phones_by_own_times)} typed at their messages' own times, {phones(drawn)} at "
        "drawn times."
    )


def cost(report: FleetReport) -> str:
    """Returns a sentence on the cost for the phones: time and storage."""
    return (
        f"{report.adaptations:,} adaptations ran, {figure(report.adaptation_seconds, 's')} each on this machine; "
        f"{phones(report.phones_with_adapter)} ended with an adapter, half of them of {size(report.adapter_bytes.p50)} "
        f"or less (at most {size(report.adapter_bytes.max)})."
    )


def missed(report: FleetReport) -> str | None:
    """Returns a sentence on the messages that no phone saw, or None if phones saw all."""
    lost = sum(day.missed for day in report.days)
    total = lost + sum(day.typed for day in report.days)
    return f"{percent(lost / total)} of the messages were written while the phone was off." if lost else None


def failed(report: FleetReport) -> str | None:
    """Returns a sentence on the phones that failed, or None if there are none."""
    if not report.failed:
        return None
    return f"Left out: {phones(len(report.failed))} whose data caused an error ({report.failed[0].reason})."


def table_of(report: FleetReport) -> Group:
    """Returns the notice, the tables, and the sentences that explain them."""
    notice, lines = notice_of(report), [sampling(report), cost(report)]
    lines += [line for line in (missed(report), failed(report)) if line]
    parts: list[Table | Text] = [Text(notice, style="bold yellow")] if notice else []
    second = f", then {report.next_bundle.name}," if report.next_bundle else ""
    parts.append(Text(f"bundle {report.bundle.name}{second} on {report.corpus.description}"))
    parts.append(_days_table(report))
    parts.append(Text("shared, personal: the next word is among the 3 shown, mean over phone-days", style="dim"))
    if report.refusals:
        parts.append(_refusals_table(report))
    parts.append(Text(meaning(report), style="bold"))
    parts += [Text(line) for line in lines]
    return Group(*parts)


def _days_table(report: FleetReport) -> Table:
    table = Table(title=title(report), title_justify="left")
    table.add_column("since first use")
    for column in ("phone-days tested", "shared", "personal", "gain, points", "adaptations", "kept"):
        table.add_column(column, justify="right")
    for span in spans(report.days):
        recalls = percent(span.shared), percent(span.personal), gain(span)
        table.add_row(span_title(span), f"{span.phone_days:,}", *recalls, f"{span.adaptations:,}", f"{span.kept:,}")
    return table


def _refusals_table(report: FleetReport) -> Table:
    table = Table(title="Why phones did not adapt", title_justify="left")
    table.add_column("")
    table.add_column("reason")
    table.add_column("times", justify="right")
    for refusal in report.refusals[:_MOST_REASONS]:
        table.add_row(_REFUSED_BY[refusal.by], refusal.reason, f"{refusal.times:,}")
    return table


def recall_picture(report: FleetReport) -> Drawing:
    """Draws recall@3 of both keyboards by day since first use: a dot for each day, and a line of seven-day means."""
    return Drawing(lambda: _recall_figure(report))


def adaptations_picture(report: FleetReport) -> Drawing:
    """Draws the adaptations by day, kept or not, and the reasons why phones did not adapt."""
    return Drawing(lambda: _adaptations_figure(report))


def _recall_figure(report: FleetReport) -> Figure:
    figure, (axes,) = _new_figure(report, 1, "How many of the next words the keyboard shows, day by day")
    tested = [day for day in report.days if day.phones]
    for keyboard, color in (("personal", BETTER), ("shared", WORSE)):
        _draw_recall(axes, tested, keyboard, color)
    if not tested:
        axes.text(0.5, 0.5, "no word was tested", ha="center", color=INK, transform=axes.transAxes)
    axes.set_ylabel("words of 100 among the 3 shown", color=INK)
    axes.set_xlabel("days since first use (line: mean of the last seven days)", color=INK)
    return figure


def _draw_recall(axes: Axes, days: Sequence[DayRow], keyboard: str, color: str) -> None:
    if not days:
        return
    each = [100 * (getattr(span_of([day]), keyboard) or 0.0) for day in days]
    week = [100 * (getattr(span_of(days[max(0, i + 1 - _WEEK) : i + 1]), keyboard) or 0.0) for i in range(len(days))]
    x = [day.day for day in days]
    axes.plot(x, each, "o", color=color, markersize=3, alpha=0.35, markeredgewidth=0)
    axes.plot(x, week, color=color, linewidth=2)
    axes.annotate(keyboard, (x[-1], week[-1]), xytext=(6, 0), textcoords="offset points", va="center", color=color,
                  fontsize=12, fontweight="bold", annotation_clip=False)  # fmt: skip


def _adaptations_figure(report: FleetReport) -> Figure:
    figure, (days, reasons) = _new_figure(report, 2, "When phones adapt, and why they do not")
    x = [day.day for day in report.days]
    kept = [day.kept for day in report.days]
    days.bar(x, kept, color=BETTER, linewidth=0, label="kept")
    not_kept = [day.adaptations - day.kept for day in report.days]
    days.bar(x, not_kept, bottom=kept, color=WORSE, linewidth=0, label="not kept by the gate")
    days.legend(frameon=False, labelcolor=INK, loc="upper right")
    days.set_xlabel("days since first use", color=INK)
    days.set_ylabel("adaptations a day", color=INK)
    _draw_reasons(reasons, report)
    return figure


def _draw_reasons(axes: Axes, report: FleetReport) -> None:
    shown = list(report.refusals[:_MOST_REASONS_DRAWN])[::-1]
    if not shown:
        axes.set_axis_off()
        return
    colors = [WORSE if refusal.by == "gate" else INK for refusal in shown]
    axes.barh(range(len(shown)), [refusal.times for refusal in shown], color=colors, linewidth=0, height=0.35)
    for row, refusal in enumerate(shown):
        axes.text(1, row + 0.24, f"{refusal.reason}: {refusal.times:,}", color=INK, fontsize=8, va="bottom")
    axes.set_xscale("log")
    axes.set_xlim(left=0.9)
    axes.set_ylim(-0.5, len(shown) - 0.2)
    axes.set_yticks([])
    axes.set_xlabel("times: hourly checks (dark), adaptations (orange)", color=INK)


def _new_figure(report: FleetReport, columns: int, heading: str) -> tuple[Figure, tuple[Axes, ...]]:
    return new_figure(heading, title(report) + (" · SYNTHETIC" if notice_of(report) else ""), columns)
