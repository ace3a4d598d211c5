"""The look that all pictures of reports share, and how a picture becomes a file.

matplotlib is imported only when a picture is drawn: a phone does not need it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's blue and vermilion: people with any kind of colour blindness can tell them apart.
BETTER, WORSE = "#0072b2", "#d55e00"
# Colours of lines: Okabe & Ito's hues that are visible on light and dark ground. Combine them with markers.
LINES = (BETTER, WORSE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
# The page finds this colour in the SVG and replaces it by the reader's own text colour.
INK = "#2b2b2c"
_PANEL_COLUMNS = 3
_PANEL_SIZE = (3.1, 2.0)  # inches
_HEADING_HEIGHT = 0.9  # inches

Format = Literal["svg", "png"]


def render(draw: Callable[[], Figure], kind: Format, dpi: int = 150) -> bytes:
    """Returns the picture as a transparent SVG whose text stays text, or as a PNG on white.

    The same figure gives the same bytes. `dpi` is the resolution of a PNG, in pixels per inch.
    """
    import matplotlib

    settings: Any = {"svg.hashsalt": "thumbprint", "svg.fonttype": "none", "font.family": "sans-serif"}
    content = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure = draw()
        if kind == "svg":
            figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
        else:
            figure.savefig(content, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
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

    figure = Figure(figsize=(9, 4.2) if columns == 1 else (11, 4.2), layout="constrained")
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


def panels(figure: Figure, names: Sequence[str]) -> Iterator[tuple[str, Axes]]:
    """Yields one small panel per name. All have the same scales; only the outer ones have tick labels."""
    columns = min(_PANEL_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure.set_size_inches(_PANEL_SIZE[0] * _PANEL_COLUMNS, _PANEL_SIZE[1] * rows + _HEADING_HEIGHT)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for i, axes in enumerate(grid.flat):
        if i >= len(names):
            axes.set_visible(False)
            continue
        style_axes(axes, label_size=8)
        axes.set_title(names[i], loc="left", color=INK, fontsize=10, fontweight="bold")
        if i + columns >= len(names):
            axes.tick_params(labelbottom=True)
        yield names[i], axes
