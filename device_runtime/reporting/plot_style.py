"""The look that all pictures of reports share, and how a picture becomes a file.

matplotlib is imported only when a picture is drawn: a phone does not need it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's blue and vermilion: people with any kind of colour blindness can tell them apart.
BETTER, WORSE = "#0072b2", "#d55e00"
# The page finds this colour in the SVG and replaces it by the reader's own text colour.
INK = "#2b2b2c"

Format = Literal["svg", "png"]


def render(draw: Callable[[], Figure], kind: Format) -> bytes:
    """Returns the picture as a transparent SVG whose text stays text, or as a PNG on white.

    The same figure gives the same bytes.
    """
    import matplotlib

    settings: Any = {"svg.hashsalt": "thumbprint", "svg.fonttype": "none", "font.family": "sans-serif"}
    content = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure = draw()
        if kind == "svg":
            figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
        else:
            figure.savefig(content, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return content.getvalue()


def new_figure(heading: str, subtitle: str, columns: int = 1) -> tuple[Figure, tuple[Axes, ...]]:
    """Returns a figure with a heading over the first of `columns` axes, side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2) if columns == 1 else (11, 4.2), layout="constrained")
    axes = tuple(figure.add_subplot(1, columns, column + 1) for column in range(columns))
    for each in axes:
        for side in ("top", "right"):
            each.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            each.spines[side].set_color(INK)
        each.tick_params(colors=INK, which="both")
        each.grid(axis="y", color=INK, alpha=0.12)
        each.set_axisbelow(True)
    axes[0].set_title(heading, loc="left", color=INK, fontsize=13, fontweight="bold", pad=22)
    axes[0].text(0, 1.03, subtitle, transform=axes[0].transAxes, color=INK, fontsize=10)
    return figure, axes
