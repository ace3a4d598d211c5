"""Pictures of methods side by side: the recall of each with its interval, and whom of the groups each helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thumbprint.comparison.analysis.statistics import Floats
from thumbprint.comparison.report.phrases import GROUP_TITLES, users
from thumbprint.comparison.report.plot_style import BETTER, INK, bare, empty, title
from thumbprint.comparison.report.plot_users import NOBODY, group_shown
from thumbprint.comparison.report.report import ComparisonReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def recall_intervals(figure: Figure, report: ComparisonReport) -> None:
    """Mean recall_at_3 of each method with its interval, best first."""
    group = group_shown(report)
    rows = report.summary.of(group)
    if not rows:
        return empty(figure, "nobody was measured")
    figure.set_size_inches(9, 1.6 + 0.32 * len(rows))
    axes = figure.add_subplot()
    bare(axes)
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
    title(figure, f"Recall of each method: {GROUP_TITLES[group]}, {users(max(row.users for row in rows))}",
          "line: 95 % interval of the mean; dark squares: references that no phone can run")  # fmt: skip
    return None


def groups_heatmap(figure: Figure, report: ComparisonReport) -> None:
    """Mean gain of each group of users under each method."""
    names, columns, gains = _gains_by_group(report)
    if not names:
        return empty(figure, NOBODY)
    figure.set_size_inches(max(9.0, 2.6 + 0.62 * len(columns)), 2.0 + 0.32 * len(names))
    axes = figure.add_subplot()
    bare(axes)
    axes.grid(False)
    reach = float(np.nanmax(np.abs(gains))) or 1.0
    # Cells, not an image: they stay sharp, and the page carries no bitmap.
    axes.pcolormesh(gains, cmap="PuOr", vmin=-reach, vmax=reach)
    axes.invert_yaxis()
    for (i, j), gain in np.ndenumerate(gains):
        if not np.isnan(gain):
            ink = "#ffffff" if abs(gain) > 0.62 * reach else "#111111"
            axes.text(j + 0.5, i + 0.5, f"{gain:+.1f}", ha="center", va="center", fontsize=8, color=ink)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=40, ha="right")
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    title(
        figure,
        "Gain by method and group",
        "mean gain over global_only, points of recall at 3; groups of 5 users or more",
    )
    return None


def _gains_by_group(report: ComparisonReport) -> tuple[list[str], list[str], Floats]:
    """Returns methods, groups, and the mean gains in points `[methods, groups]`, NaN where there are none."""
    cells: dict[str, dict[str, float]] = {}
    for row in report.summary.rows:
        if row.against_global and row.against_global.gain.mean is not None:
            cells.setdefault(row.method, {})[GROUP_TITLES[row.group]] = 100 * row.against_global.gain.mean
    for found in report.summary.fairness:
        if found.population == "all" and found.method in cells:
            for attribute in found.attributes:
                for group in attribute.groups:
                    cells[found.method][f"{attribute.attribute}: {group.value}"] = 100 * group.gain
    columns = list(dict.fromkeys(name for row in cells.values() for name in row))
    gains = np.array([[row.get(column, np.nan) for column in columns] for row in cells.values()])
    return list(cells), columns, gains
