"""The gain of each person as a picture: whom the personal keyboard helps, and whom it hurts.

matplotlib is imported when a picture is drawn: a phone has no use for it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from device_runtime.reporting.table import people, percent, synthetic_notice
from device_runtime.simulation.report import Report
from keyboard_model.metrics import gains

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's blue and vermilion: told apart by people with any colour blindness.
BETTER, WORSE = "#0072b2", "#d55e00"
# Drawn in this ink and found again by the page, which puts the reader's own text colour in its place.
INK = "#2b2b2c"
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
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.add_subplot()
    gain = gain_of_each(report)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(INK)
    axes.tick_params(colors=INK)
    axes.set_xticks([])
    axes.grid(axis="y", color=INK, alpha=0.12)
    axes.set_axisbelow(True)
    if gain:
        _draw_bars(axes, gain)
        _label(axes, gain)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "nobody had enough messages to compare", ha="center", color=INK, transform=axes.transAxes)
    axes.set_ylabel("more words of 100 among the 3 shown", color=INK)
    axes.set_xlabel(f"{people(len(gain))}, one bar each, best gain first" if len(gain) <= _MOST_BARS
                    else f"{people(len(gain))} in {_MOST_BARS} bars, best gain first", color=INK)  # fmt: skip
    title = "What the personal keyboard changes, person by person"
    axes.set_title(title, loc="left", color=INK, fontsize=13, fontweight="bold", pad=22)
    subtitle = f"notably helped {percent(report.fraction_helped, 0)}, hurt {percent(report.fraction_hurt, 0)}"
    if synthetic_notice(report):
        subtitle += " · SYNTHETIC"
    axes.text(0, 1.03, subtitle, transform=axes.transAxes, color=INK, fontsize=10)
    return figure


def gain_picture(report: Report, kind: Literal["svg", "png"]) -> bytes:
    """Draws each person's gain as bars, sorted.

    Returns:
        An SVG with a transparent ground whose text is text, or a PNG on white; the same report gives
        the same bytes.
    """
    import matplotlib

    settings: Any = {"svg.hashsalt": "thumbprint", "svg.fonttype": "none", "font.family": "sans-serif"}
    content = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure = _figure(report)
        if kind == "svg":
            figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
        else:
            figure.savefig(content, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return content.getvalue()
