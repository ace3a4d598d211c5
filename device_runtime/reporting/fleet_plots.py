"""A fleet's days as pictures: what the personal keyboard gains over time, and when phones adapt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from device_runtime.reporting.fleet_table import notice_of, title
from device_runtime.reporting.plot_style import BETTER, INK, WORSE, Format, new_figure, render
from device_runtime.simulation.fleet.job_scheduler import span_of
from device_runtime.simulation.fleet.report import DayRow, FleetReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WEEK = 7
_MOST_REASONS = 8


def recall_picture(report: FleetReport, kind: Format) -> bytes:
    """Draws recall@3 of both keyboards by day since first use: a dot a day, a line over seven days."""
    return render(lambda: _recall_figure(report), kind)


def adaptations_picture(report: FleetReport, kind: Format) -> bytes:
    """Draws the adaptations by day, kept or not, and the reasons why others did not run."""
    return render(lambda: _adaptations_figure(report), kind)


def _recall_figure(report: FleetReport) -> Figure:
    figure, (axes,) = _figure(report, 1, "How many of the next words the keyboard shows, day by day")
    tested = [day for day in report.days if day.phones]
    for keyboard, color in (("personal", BETTER), ("shared", WORSE)):
        _line(axes, tested, keyboard, color)
    if not tested:
        axes.text(0.5, 0.5, "no word was tested", ha="center", color=INK, transform=axes.transAxes)
    axes.set_ylabel("words of 100 among the 3 shown", color=INK)
    axes.set_xlabel("days since first use (line: mean of the seven days up to then)", color=INK)
    return figure


def _line(axes: Axes, days: Sequence[DayRow], keyboard: str, color: str) -> None:
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
    figure, (days, reasons) = _figure(report, 2, "When phones adapt, and why they do not")
    x = [day.day for day in report.days]
    kept = [day.kept for day in report.days]
    days.bar(x, kept, color=BETTER, linewidth=0, label="kept")
    not_kept = [day.adaptations - day.kept for day in report.days]
    days.bar(x, not_kept, bottom=kept, color=WORSE, linewidth=0, label="not kept by the gate")
    days.legend(frameon=False, labelcolor=INK, loc="upper right")
    days.set_xlabel("days since first use", color=INK)
    days.set_ylabel("adaptations a day", color=INK)
    _reasons(reasons, report)
    return figure


def _reasons(axes: Axes, report: FleetReport) -> None:
    shown = list(report.refusals[:_MOST_REASONS])[::-1]
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
    axes.set_xlabel("times: hourly looks (dark), adaptations (orange)", color=INK)


def _figure(report: FleetReport, columns: int, heading: str) -> tuple[Figure, tuple[Axes, ...]]:
    return new_figure(heading, title(report) + (" · SYNTHETIC" if notice_of(report) else ""), columns)
