"""The pictures of a comparison by name, and those that show how much each method gains, for which users.

`plot_costs` draws the pictures of costs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from device_runtime.reporting.plots import (
    BETTER,
    INK,
    WORSE,
    Drawing,
    add_heading,
    draw_no_data,
    draw_panels,
    style_axes,
)
from device_runtime.reporting.table import users
from keyboard_model.metrics import HELPED
from keyboard_model.user_statistics import Floats
from thumbprint.comparison.analysis.report import ComparisonReport
from thumbprint.comparison.analysis.statistics import Pair, paired_rows
from thumbprint.comparison.reporting import plot_costs
from thumbprint.comparison.reporting.phrases import GROUP_TITLES
from thumbprint.comparison.results import REFERENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_BARS = 400  # more bars or steps are thinner than a pixel: then each one stands for a quantile of the users
_NO_USERS = "no user was measured both under a method and under global_only"


def recall_intervals(figure: Figure, report: ComparisonReport) -> None:
    """Draws the mean recall_at_3 of each method with its interval, best first."""
    group = report.summary.deciding_group
    rows = report.summary.rows_of(group)
    if not rows:
        return draw_no_data(figure, "no user was measured")
    figure.set_size_inches(9, 1.6 + 0.32 * len(rows))
    axes = figure.add_subplot()
    style_axes(axes, label_size=8)
    for at, row in enumerate(rows):
        recall = row.recall_at_3
        mean = 100 * (recall.mean or 0)
        low, high = (mean if value is None else 100 * value for value in (recall.low, recall.high))
        method = report.comparison.method(row.method)
        color = INK if method and not method.on_device else BETTER
        axes.plot([low, high], [at, at], color=color, linewidth=2)
        axes.plot([mean], [at], "s" if color == INK else "o", color=color, markersize=7)
        axes.annotate(f"{mean:.1f}", (mean, at), (0, 6), textcoords="offset points", ha="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(rows)), [row.method for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.8)
    axes.set_xlabel("mean recall at 3 over users, %")
    add_heading(
        figure,
        f"Recall of each method: {GROUP_TITLES[group]}, {users(max(row.users for row in rows))}",
        "line: 95 % interval of the mean; dark squares: references that no phone can run",
    )
    return None


def groups_heatmap(figure: Figure, report: ComparisonReport) -> None:
    """Draws the mean gain of each group of users under each method."""
    names, columns, gains = _gains_by_group(report)
    if not names:
        return draw_no_data(figure, _NO_USERS)
    figure.set_size_inches(max(9.0, 2.6 + 0.62 * len(columns)), 2.0 + 0.32 * len(names))
    axes = figure.add_subplot()
    style_axes(axes, label_size=8)
    axes.grid(False)
    limit = float(np.nanmax(np.abs(gains))) or 1.0
    # Cells instead of an image: they stay sharp, and the page contains no bitmap.
    axes.pcolormesh(gains, cmap="PuOr", vmin=-limit, vmax=limit)
    axes.invert_yaxis()
    for (i, j), gain in np.ndenumerate(gains):
        if not np.isnan(gain):
            ink = "#ffffff" if abs(gain) > 0.62 * limit else "#111111"
            axes.text(j + 0.5, i + 0.5, f"{gain:+.1f}", ha="center", va="center", fontsize=8, color=ink)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=40, ha="right")
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    add_heading(
        figure,
        "Gain by method and group",
        "mean gain over global_only, points of recall at 3; groups of 5 users or more",
    )
    return None


def _gains_by_group(report: ComparisonReport) -> tuple[list[str], list[str], Floats]:
    """Returns methods, groups, and the mean gains in points `[methods, groups]`, NaN where unknown."""
    cells: dict[str, dict[str, float]] = {}
    for row in report.summary.rows:
        if row.against_global and row.against_global.gain.mean is not None:
            cells.setdefault(row.method, {})[GROUP_TITLES[row.group]] = 100 * row.against_global.gain.mean
    for fairness in report.summary.fairness:
        if fairness.population == "all" and fairness.method in cells:
            for attribute in fairness.attributes:
                for group in attribute.groups:
                    cells[fairness.method][f"{attribute.attribute}: {group.value}"] = 100 * group.gain.value
    columns = list(dict.fromkeys(name for row in cells.values() for name in row))
    gains = np.array([[row.get(column, np.nan) for column in columns] for row in cells.values()])
    return list(cells), columns, gains


def gain_by_user(figure: Figure, report: ComparisonReport) -> None:
    """Draws each user's gain over the shared model as a bar, best first, one panel per method."""

    def draw(axes: Axes, pairs: Sequence[Pair]) -> None:
        gains = _quantiles(sorted((100 * pair.gain for pair in pairs), reverse=True))
        colors = [BETTER if gain > 0 else WORSE for gain in gains]
        axes.bar(np.linspace(0, 1, len(gains) + 1)[1:], gains, width=-0.8 / len(gains), align="edge", color=colors)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xticks([])

    subtitle = "one bar per user, best first; points of recall at 3; orange: users who lose"
    _panel_per_method(figure, report, "Gain over global_only, user by user", subtitle, draw)


def gain_histogram(figure: Figure, report: ComparisonReport) -> None:
    """Draws the number of users by gain, one panel per method. All panels have the same bins, and 0 is an edge."""
    from matplotlib.ticker import MaxNLocator

    all_gains = [100 * pair.gain for _, pairs in _pairs_by_method(report) for pair in pairs]
    limit = max((abs(gain) for gain in all_gains), default=1.0) or 1.0
    edges = np.linspace(-limit, limit, 21)

    def draw(axes: Axes, pairs: Sequence[Pair]) -> None:
        gains = np.array([100 * pair.gain for pair in pairs])
        # A gain of exactly 0 is not a loss, so it belongs to the bin on the right of 0.
        for part, color in ((gains[gains >= 0], BETTER), (gains[gains < 0], WORSE)):
            axes.hist(part, bins=list(edges), color=color)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.axvline(100 * HELPED, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_xlabel("points of recall at 3", fontsize=8)

    subtitle = "number of users by gain; orange: users who lose; right of the dashed line: notably helped"
    _panel_per_method(figure, report, "Histogram of gains", subtitle, draw)


def recall_distribution(figure: Figure, report: ComparisonReport) -> None:
    """Draws the distribution function of recall_at_3 over users, one panel per method, `global_only` behind each."""

    def draw(axes: Axes, pairs: Sequence[Pair]) -> None:
        shares = np.linspace(0, 1, min(len(pairs), _MAX_BARS) + 1)[1:]
        for values, color, style in (
            ([pair.shared_recall for pair in pairs], INK, (0, (3, 2))),
            ([pair.recall for pair in pairs], BETTER, "solid"),
        ):
            recalls = _quantiles(sorted(100 * value for value in values))
            axes.step([recalls[0], *recalls], [0, *shares], where="post", color=color, linestyle=style, linewidth=1.5)
        axes.set_xlabel("recall at 3, %", fontsize=8)

    subtitle = "share of users with at most this recall: further right is better; dashed: global_only"
    _panel_per_method(figure, report, "Distribution of recall at 3 over users", subtitle, draw)


def _panel_per_method(
    figure: Figure, report: ComparisonReport, heading: str, subtitle: str, draw: Callable[[Axes, Sequence[Pair]], None]
) -> None:
    methods = dict(_pairs_by_method(report))
    count = users(max((len(pairs) for pairs in methods.values()), default=0))
    heading = f"{heading}: {GROUP_TITLES[report.summary.deciding_group]}, {count}"
    draw_panels(figure, methods, draw, heading=heading, subtitle=subtitle, no_data=_NO_USERS)


def _pairs_by_method(report: ComparisonReport) -> list[tuple[str, list[Pair]]]:
    """Returns the users of the deciding group under each method but the reference, best method first."""
    group = report.summary.deciding_group
    methods = []
    for row in report.summary.rows_of(group):
        method = report.comparison.method(row.method)
        if method and method.name != REFERENCE and (pairs := paired_rows(report.comparison, method, group)):
            methods.append((method.name, pairs))
    return methods


def _quantiles(values: Sequence[float]) -> list[float]:
    """Returns sorted values, or `_MAX_BARS` quantiles of them if there are more."""
    if len(values) <= _MAX_BARS:
        return list(values)
    return [values[i] for i in np.round(np.linspace(0, len(values) - 1, _MAX_BARS)).astype(int)]


@dataclass(frozen=True)
class Picture:
    """A picture. `alt` describes it in words, for readers who cannot see it."""

    draw: Callable[[Figure, ComparisonReport], None]
    alt: str


PICTURES: dict[str, Picture] = {
    "recall": Picture(recall_intervals, "Mean recall at 3 of each method with its interval, best first."),
    "gain_by_user": Picture(gain_by_user, "For each method, the gain of every user over global_only, sorted."),
    "gain_histogram": Picture(gain_histogram, "For each method, the number of users by gain."),
    "recall_distribution": Picture(
        recall_distribution, "For each method, the share of users up to each recall, next to global_only."
    ),
    "groups": Picture(groups_heatmap, "Heatmap of the mean gain of each method in each group of users."),
    "scarcity": Picture(plot_costs.scarcity, "For each method, the gain by the number of messages seen so far."),
    "drift": Picture(
        plot_costs.drift, "For each method, recall on the user's own and on other users' text by local steps."
    ),
    "bytes": Picture(plot_costs.recall_against_bytes, "Recall by bytes sent, during training and at the end."),
    "storage": Picture(plot_costs.storage, "For each method, recall by the bytes of a stored adapter."),
}


def picture(report: ComparisonReport, name: str) -> Drawing:
    """Draws one of `PICTURES`. A picture without data states the reason.

    Raises:
        KeyError: there is no picture of this name.
    """

    def draw() -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9.3, 4.2))
        PICTURES[name].draw(figure, report)
        return figure

    return Drawing(draw)
