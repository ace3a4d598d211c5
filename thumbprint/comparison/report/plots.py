"""Every picture of a comparison by name, drawn to SVG or PNG; the same report gives the same bytes.

matplotlib is imported when a picture is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from thumbprint.comparison.report import plot_costs, plot_methods, plot_users
from thumbprint.comparison.report.report import ComparisonReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A picture: `alt` says in words what it shows, for who cannot see it."""

    draw: Callable[[Figure, ComparisonReport], None]
    alt: str


PICTURES: dict[str, Picture] = {
    "recall": Picture(plot_methods.recall_intervals, "Mean recall at 3 of each method with its interval, best first."),
    "gain_by_user": Picture(plot_users.gain_by_user, "For each method, every user's gain over global_only, sorted."),
    "gain_histogram": Picture(plot_users.gain_histogram, "For each method, how many users gain how much."),
    "recall_distribution": Picture(
        plot_users.recall_distribution,
        "For each method, the share of users up to each recall, beside global_only.",
    ),
    "groups": Picture(plot_methods.groups_heatmap, "Heatmap of the mean gain of each method in each group of users."),
    "scarcity": Picture(plot_costs.scarcity, "For each method, the gain by messages seen so far."),
    "drift": Picture(plot_costs.drift, "For each method, recall on own and on other users' text by local steps."),
    "bytes": Picture(plot_costs.recall_against_bytes, "Recall against bytes sent, while training and at the end."),
    "storage": Picture(plot_costs.storage, "For each method, recall by the bytes an adapter is stored in."),
}


def picture(report: ComparisonReport, name: str, kind: Literal["svg", "png"]) -> bytes:
    """Draws one of `PICTURES`.

    Returns:
        An SVG with a transparent ground whose text is text, or a PNG on white. A picture without data says so.

    Raises:
        KeyError: there is no such picture.
    """
    import matplotlib
    from matplotlib.figure import Figure

    settings: Any = {"svg.hashsalt": f"thumbprint {name}", "svg.fonttype": "none", "font.family": "sans-serif"}
    content = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(9.3, 4.2), layout="constrained")
        PICTURES[name].draw(figure, report)
        if kind == "svg":
            figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
        else:
            figure.savefig(content, format="png", dpi=110, facecolor="white", metadata={"Software": None})
    return content.getvalue()
