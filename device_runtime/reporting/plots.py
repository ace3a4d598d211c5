"""The pictures of reports: their common style, and the picture of each user's gain.

matplotlib is imported only when a picture is drawn, because a phone does not need it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from device_runtime.reporting.table import notice_of, percent, users
from device_runtime.simulation.report import Report
from keyboard_model.metrics import gains
from keyboard_model.user_posterior import SURE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's blue and vermilion: people with any kind of colour blindness can tell them apart.
BETTER, WORSE = "#0072b2", "#d55e00"
# Colours of lines: Okabe & Ito's hues that are visible on light and dark ground. Combine them with markers.
LINES = (BETTER, WORSE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
# A page replaces this colour in the SVG by the reader's own text colour.
INK = "#2b2b2c"
_MOST_BARS = 400  # more bars would be thinner than a pixel. With more users, each bar is a quantile
_PANEL_COLUMNS = 3
_PANEL_SIZE = (3.1, 2.0)  # inches
_HEADING_HEIGHT = 0.9  # inches

_Content = TypeVar("_Content")
_STYLE: Any = {"svg.hashsalt": "thumbprint", "svg.fonttype": "none", "font.family": "sans-serif"}


class Drawing:
    """A picture of a report, drawn once for all of its formats. The same figure gives the same bytes."""

    def __init__(self, draw: Callable[[], Figure]) -> None:
        """Draws a figure without a layout engine, and lays it out once. Each `savefig` would do that twice."""
        import matplotlib
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        with matplotlib.rc_context(_STYLE):
            self._figure = draw()
            if self._figure.axes:  # otherwise it has text only
                ConstrainedLayoutEngine().execute(self._figure)

    def svg(self) -> bytes:
        """Returns a transparent SVG whose text stays text."""
        return self._saved(format="svg", transparent=True, metadata={"Date": None})

    def png(self, dpi: int = 150) -> bytes:
        """Returns a PNG on white with this resolution, in pixels per inch."""
        return self._saved(format="png", dpi=dpi, facecolor="white", metadata={"Software": None})

    def _saved(self, **options: Any) -> bytes:
        import matplotlib

        content = io.BytesIO()
        with matplotlib.rc_context(_STYLE):
            self._figure.savefig(content, **options)
        return content.getvalue()


def style_axes(axes: Axes, grid: Literal["both", "y"] = "both", label_size: float | None = None) -> None:
    """Removes the upper and right border, and draws the rest in the text colour.

    Args:
        grid: Which grid lines are drawn.
        label_size: Font size of the tick labels; None keeps the default.
    """
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(INK)
    axes.tick_params(colors=INK, which="both")
    if label_size is not None:
        axes.tick_params(labelsize=label_size)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.grid(axis=grid, color=INK, alpha=0.12)
    axes.set_axisbelow(True)


def new_figure(heading: str, subtitle: str, columns: int = 1) -> tuple[Figure, tuple[Axes, ...]]:
    """Returns a figure with a heading over the first of `columns` axes, side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2) if columns == 1 else (11, 4.2))
    axes = tuple(figure.add_subplot(1, columns, column + 1) for column in range(columns))
    for each in axes:
        style_axes(each, grid="y")
    axes[0].set_title(heading, loc="left", color=INK, fontsize=13, fontweight="bold", pad=22)
    axes[0].text(0, 1.03, subtitle, transform=axes[0].transAxes, color=INK, fontsize=10)
    return figure, axes


def add_heading(figure: Figure, heading: str, subtitle: str) -> None:
    """Writes a heading over a whole figure, and below it a line that explains how to read the figure."""
    figure.suptitle(f"{heading}\n", x=0.01, ha="left", color=INK, fontsize=13, fontweight="bold")
    figure.text(0.01, 1 - 0.46 / figure.get_figheight(), subtitle, ha="left", va="bottom", color=INK, fontsize=10)


def draw_no_data(figure: Figure, reason: str) -> None:
    """Draws a figure that only states why there is nothing to show."""
    figure.set_size_inches(9, 2)
    figure.text(0.01, 0.3, reason, color=INK, fontsize=11)


def draw_panels(
    figure: Figure,
    contents: Mapping[str, _Content],
    draw: Callable[[Axes, _Content], None],
    *,
    heading: str,
    subtitle: str,
    no_data: str,
) -> None:
    """Draws one small panel per name under a heading. All have the same scales; only the outer ones have tick labels.

    Args:
        contents: What each panel shows, by the panel's name.
        draw: Draws one panel.
        heading, subtitle: See `add_heading`.
        no_data: The reason that is shown if there are no contents.
    """
    if not contents:
        return draw_no_data(figure, no_data)
    columns = min(_PANEL_COLUMNS, len(contents))
    rows = -(-len(contents) // columns)
    figure.set_size_inches(_PANEL_SIZE[0] * _PANEL_COLUMNS, _PANEL_SIZE[1] * rows + _HEADING_HEIGHT)
    places = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for i, (axes, (name, content)) in enumerate(zip(places, contents.items(), strict=False)):
        style_axes(axes, label_size=8)
        axes.set_title(name, loc="left", color=INK, fontsize=10, fontweight="bold")
        if i + columns >= len(contents):
            axes.tick_params(labelbottom=True)
        draw(axes, content)
    for axes in places[len(contents) :]:
        axes.set_visible(False)
    add_heading(figure, heading, subtitle)
    return None


def user_gains(report: Report) -> list[float]:
    """Returns the gain of each user in the aggregates: personal minus shared recall_at_3, in points, falling."""
    rows = [row for row in report.clients if row.in_aggregates and row.personal and row.shared]
    personal = [row.personal.recall_at_3 for row in rows if row.personal]
    shared = [row.shared.recall_at_3 for row in rows if row.shared]
    return sorted((100 * gain for gain in gains(personal, shared)), reverse=True)


def gain_picture(report: Report) -> Drawing:
    """Draws the gain of each user as a bar, sorted. The personal keyboard helps some users and hurts others."""
    return Drawing(lambda: _figure(report))


def _bar_heights(gain: list[float]) -> list[float]:
    if len(gain) <= _MOST_BARS:
        return gain
    places = np.round(np.linspace(0, len(gain) - 1, _MOST_BARS)).astype(int)
    return [gain[i] for i in places]


def _draw_bars(axes: Axes, gain: list[float]) -> None:
    bars = _bar_heights(gain)
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
    """Keeps the upper right corner free of bars, because the counts are there."""
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
    likely = (percent(share.value if share else None, 0) for share in (report.likely_helped, report.likely_hurt))
    subtitle = "helped {}, hurt {} with a probability of at least {:.1f}".format(*likely, SURE)
    if notice_of(report):
        subtitle += " · SYNTHETIC"
    figure, (axes,) = new_figure("What the personal keyboard changes, user by user", subtitle)
    gain = user_gains(report)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    if gain:
        _draw_bars(axes, gain)
        _label(axes, gain)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no user had enough messages to compare", ha="center", color=INK, transform=axes.transAxes)
    axes.set_ylabel("more words of 100 among the 3 shown", color=INK)
    axes.set_xlabel(f"{users(len(gain))}, one bar each, best gain first" if len(gain) <= _MOST_BARS
                    else f"{users(len(gain))} in {_MOST_BARS} bars, best gain first", color=INK)  # fmt: skip
    return figure
