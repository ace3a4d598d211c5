"""How the pictures of a comparison look: one small panel a method, so that fifteen can be read without a legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from device_runtime.reporting.plot_style import BETTER, INK, WORSE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BETTER", "INK", "LINES", "WORSE", "bare", "empty", "panels", "title"]

# Okabe & Ito's other hues that show on light and dark ground; with them go markers, for who sees no hue.
LINES = (BETTER, WORSE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_COLUMNS = 3
_PANEL = (3.1, 2.0)  # inches
_HEAD = 0.9


def title(figure: Figure, text: str, subtitle: str) -> None:
    """Says what a picture shows, and below it how to read it."""
    figure.suptitle(f"{text}\n", x=0.01, ha="left", color=INK, fontsize=13, fontweight="bold")
    figure.text(0.01, 1 - 0.46 / figure.get_figheight(), subtitle, ha="left", va="bottom", color=INK, fontsize=10)


def bare(axes: Axes) -> None:
    """Takes away what carries no data."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(INK)
    axes.tick_params(colors=INK, labelsize=8)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.grid(color=INK, alpha=0.12)
    axes.set_axisbelow(True)


def empty(figure: Figure, why: str) -> None:
    """A picture of nothing says why."""
    figure.set_size_inches(9, 2)
    figure.text(0.01, 0.3, why, color=INK, fontsize=11)


def panels(figure: Figure, names: Sequence[str]) -> Iterator[tuple[str, Axes]]:
    """Yields an axes a name, all with the same scales; only the outer ones carry numbers."""
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure.set_size_inches(_PANEL[0] * _COLUMNS, _PANEL[1] * rows + _HEAD)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for i, axes in enumerate(grid.flat):
        if i >= len(names):
            axes.set_visible(False)
            continue
        bare(axes)
        axes.set_title(names[i], loc="left", color=INK, fontsize=10, fontweight="bold")
        if i + columns >= len(names):
            axes.tick_params(labelbottom=True)
        yield names[i], axes
