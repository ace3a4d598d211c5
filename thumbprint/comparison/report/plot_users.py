"""Pictures of how methods spread over people: who gains and loses, and how recall is distributed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keyboard_model.metrics import HELPED
from thumbprint.comparison.analysis.statistics import Pair, paired
from thumbprint.comparison.report.phrases import GROUP_TITLES, users
from thumbprint.comparison.report.plot_style import BETTER, INK, WORSE, empty, panels, title
from thumbprint.comparison.report.report import ComparisonReport
from thumbprint.comparison.results import REFERENCE, Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 400  # more bars or steps than that are thinner than a pixel: then each stands for a quantile of the people
NOBODY = "nobody was measured under a method and under global_only"


def group_shown(report: ComparisonReport) -> Group:
    """The group that the answer is about."""
    if report.summary.headline:
        return report.summary.headline.group
    return report.summary.rows[0].group if report.summary.rows else "new_phone"


def gain_by_user(figure: Figure, report: ComparisonReport) -> None:
    """Each user's gain over global as a bar, best first, a panel a method."""

    def draw(axes: Axes, pairs: Sequence[Pair]) -> None:
        gains = _thinned(sorted((100 * pair.gain for pair in pairs), reverse=True))
        colors = [BETTER if gain > 0 else WORSE for gain in gains]
        axes.bar(np.linspace(0, 1, len(gains) + 1)[1:], gains, width=-0.8 / len(gains), align="edge", color=colors)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xticks([])

    subtitle = "a bar a user, best first; points of recall at 3; in orange who loses"
    _a_panel_a_method(figure, report, "Gain over global_only, user by user", subtitle, draw)


def gain_histogram(figure: Figure, report: ComparisonReport) -> None:
    """How many users gain how much, a panel a method; all have the same bins, and 0 is an edge."""
    from matplotlib.ticker import MaxNLocator

    everybody = [100 * pair.gain for _, pairs in _methods(report) for pair in pairs]
    reach = max((abs(gain) for gain in everybody), default=1.0) or 1.0
    edges = np.linspace(-reach, reach, 21)

    def draw(axes: Axes, pairs: Sequence[Pair]) -> None:
        gains = np.array([100 * pair.gain for pair in pairs])
        # Who stays the same is nobody's loss; rounding put them at exactly 0, the left edge of the gains.
        for part, color in ((gains[gains >= 0], BETTER), (gains[gains < 0], WORSE)):
            axes.hist(part, bins=list(edges), color=color)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.axvline(100 * HELPED, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_xlabel("points of recall at 3", fontsize=8)

    subtitle = "users by their gain; in orange who loses; right of the dashed line: notably helped"
    _a_panel_a_method(figure, report, "Histogram of gains", subtitle, draw)


def recall_distribution(figure: Figure, report: ComparisonReport) -> None:
    """The distribution function of recall_at_3 over users, a panel a method, `global_only` behind each."""

    def draw(axes: Axes, pairs: Sequence[Pair]) -> None:
        shares = np.linspace(0, 1, min(len(pairs), _MOST) + 1)[1:]
        for values, color, style in (
            ([pair.shared_recall for pair in pairs], INK, (0, (3, 2))),
            ([pair.recall for pair in pairs], BETTER, "solid"),
        ):
            recalls = _thinned(sorted(100 * value for value in values))
            axes.step([recalls[0], *recalls], [0, *shares], where="post", color=color, linestyle=style, linewidth=1.5)
        axes.set_xlabel("recall at 3, %", fontsize=8)

    subtitle = "share of users with at most this recall: further right is better; dashed: global_only"
    _a_panel_a_method(figure, report, "Distribution of recall at 3 over users", subtitle, draw)


def _methods(report: ComparisonReport) -> list[tuple[str, list[Pair]]]:
    """The methods held against global in the group of the answer, best first, with their users."""
    group = group_shown(report)
    found = []
    for row in report.summary.of(group):
        method = report.comparison.method(row.method)
        if method and method.name != REFERENCE and (pairs := paired(report.comparison, method, group)):
            found.append((method.name, pairs))
    return found


def _a_panel_a_method(
    figure: Figure, report: ComparisonReport, text: str, subtitle: str, draw: Callable[[Axes, Sequence[Pair]], None]
) -> None:
    methods = dict(_methods(report))
    if not methods:
        return empty(figure, NOBODY)
    for name, axes in panels(figure, list(methods)):
        draw(axes, methods[name])
    who = users(max(len(pairs) for pairs in methods.values()))
    title(figure, f"{text}: {GROUP_TITLES[group_shown(report)]}, {who}", subtitle)
    return None


def _thinned(values: Sequence[float]) -> list[float]:
    if len(values) <= _MOST:
        return list(values)
    return [values[i] for i in np.round(np.linspace(0, len(values) - 1, _MOST)).astype(int)]
