"""The gain of each person as a picture: whom the personal keyboard helps, and whom it hurts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from device_runtime.reporting.phrases import people, percent
from device_runtime.reporting.plot_style import BETTER, INK, WORSE, Format, new_figure, render
from device_runtime.reporting.table import notice_of
from device_runtime.simulation.report import Report
from keyboard_model.metrics import gains

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_BARS = 400  # more are thinner than a pixel: then each bar is a quantile of the people


def gain_of_each(report: Report) -> list[float]:
    """Returns each person's gain in recall_at_3 (personal minus shared), percentage points, falling."""
    rows = [row for row in report.clients if row.in_aggregates and row.personal and row.shared]
    personal = [row.personal.recall_at_3 for row in rows if row.personal]
    shared = [row.shared.recall_at_3 for row in rows if row.shared]
    return sorted((100 * gain for gain in gains(personal, shared)), reverse=True)


def _bars(gain: list[float]) -> list[float]:
    if len(gain) <= _MOST_BARS:
        return gain
    places = np.round(np.linspace(0, len(gain) - 1, _MOST_BARS)).astype(int)
    return [gain[i] for i in places]


def _draw_bars(axes: Axes, gain: list[float]) -> None:
    bars = _bars(gain)
    axes.bar(
        range(len(bars)),
        bars,
        width=0.8 if len(bars) <= 100 else 1.0,
        color=[BETTER if height > 0 else WORSE for height in bars],
        linewidth=0,
    )
    axes.axhline(0, color=INK, linewidth=1)
    axes.set_xlim(-0.6, len(bars) - 0.4)
    axes.margins(y=0.12)
    _leave_room(axes, bars)


def _leave_room(axes: Axes, bars: list[float]) -> None:
    """Keeps the upper right corner, where the counts stand, free of bars."""
    corner = max(0.0, bars[int(0.65 * len(bars))])
    bottom, top = axes.get_ylim()
    bottom = min(bottom, -1)
    axes.set_ylim(bottom, max(top, 1, (corner - 0.3 * bottom) / 0.7))


def _label(axes: Axes, gain: list[float]) -> None:
    better, worse = sum(g > 0 for g in gain), sum(g < 0 for g in gain)
    same = len(gain) - better - worse
    lines = [(f"better for {better:,} of {len(gain):,}", BETTER), (f"worse for {worse:,}", WORSE)]
    lines += [(f"the same for {same:,}", INK)] if same else []
    for i, (line, color) in enumerate(lines):
        axes.text(0.99, 0.97 - 0.085 * i, line, color=color, ha="right", va="top",
                  transform=axes.transAxes, fontsize=12, fontweight="bold")  # fmt: skip
    mean = sum(gain) / len(gain)
    axes.axhline(mean, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(f"mean {mean:+.1f}", (1, mean), xycoords=("axes fraction", "data"), xytext=(5, 0),
                  textcoords="offset points", va="center", color=INK, fontsize=10)  # fmt: skip


def _figure(report: Report) -> Figure:
    subtitle = f"notably helped {percent(report.fraction_helped, 0)}, hurt {percent(report.fraction_hurt, 0)}"
    if notice_of(report):
        subtitle += " · SYNTHETIC"
    figure, (axes,) = new_figure("What the personal keyboard changes, person by person", subtitle)
    gain = gain_of_each(report)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    if gain:
        _draw_bars(axes, gain)
        _label(axes, gain)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "nobody had enough messages to compare", ha="center", color=INK, transform=axes.transAxes)
    axes.set_ylabel("more words of 100 among the 3 shown", color=INK)
    axes.set_xlabel(f"{people(len(gain))}, one bar each, best gain first" if len(gain) <= _MOST_BARS
                    else f"{people(len(gain))} in {_MOST_BARS} bars, best gain first", color=INK)  # fmt: skip
    return figure


def gain_picture(report: Report, kind: Format) -> bytes:
    """Draws each person's gain as bars, sorted. See `plot_style.render` for what it returns."""
    return render(lambda: _figure(report), kind)
