"""Pictures of what methods cost and need: bytes sent, bytes stored, messages seen, and what they forget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from device_runtime.reporting.plots import (
    BETTER,
    INK,
    LINES,
    WORSE,
    add_heading,
    draw_no_data,
    draw_panels,
    style_axes,
)
from thumbprint.comparison.analysis.report import ComparisonReport
from thumbprint.comparison.reporting.phrases import GROUP_TITLES, volume
from thumbprint.comparison.results import CurvePoint, DriftPoint, MethodResult, ScarcityPoint, StoredAs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osD^vP*X"
_MB = 1e6


def recall_against_bytes(figure: Figure, report: ComparisonReport) -> None:
    """Draws the recall on validation users by bytes sent in training (left), and each method at its end (right)."""
    sending = [method for method in report.comparison.methods if method.communication]
    if not sending:
        return draw_no_data(figure, "no method that sends anything was measured")
    figure.set_size_inches(9.3, max(4.2, 1.6 + 0.27 * len(sending)))
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    _curves(left, sending)
    _ends(right, report, sending)
    group = GROUP_TITLES[report.summary.deciding_group]
    subtitle = f"up and down, all clients; left: validation users, during training; right: {group}, at the end"
    add_heading(figure, "Recall against bytes sent", subtitle)
    return None


def _curves(axes: Axes, methods: list[MethodResult]) -> None:
    """Draws one curve for all methods with the same trained shared model, labelled with the first of them."""
    style_axes(axes, label_size=8)
    shared: dict[tuple[CurvePoint, ...], list[str]] = {}
    for method in methods:
        if method.communication and method.communication.curve:
            shared.setdefault(method.communication.curve, []).append(method.name)
    for i, (curve, names) in enumerate(shared.items()):
        label = names[0] + (f" and {len(names) - 1} with the same model" if len(names) > 1 else "")
        axes.plot(
            [point.bytes / _MB for point in curve], [100 * point.recall_at_3 for point in curve],
            color=LINES[i % len(LINES)], marker=_MARKERS[i % len(_MARKERS)], markersize=4, linewidth=1.3, label=label,
        )  # fmt: skip
    if shared:
        legend = axes.legend(fontsize=8, frameon=False, loc="lower right")
        for text in legend.get_texts():
            text.set_color(INK)
    axes.set_xlabel("MB sent so far")
    axes.set_ylabel("recall at 3, %")


def _ends(axes: Axes, report: ComparisonReport, methods: list[MethodResult]) -> None:
    """Draws each method as a point. The labels form a column on the right, each with a line to its point."""
    style_axes(axes, label_size=8)
    points = [
        (100 * row.recall_at_3.mean, method.communication.bytes_total / _MB, method.name)
        for method in methods
        if (row := report.summary.row(method.name, report.summary.deciding_group))
        and row.recall_at_3.mean is not None
        and method.communication
    ]
    if not points:
        return
    points.sort()
    axes.plot([x for _, x, _ in points], [y for y, *_ in points], "o", color=BETTER, markersize=6)
    low, high = points[0][0], points[-1][0]
    margin = max(high - low, 1.0) * 0.06
    axes.set_ylim(low - margin, max(high, low + 1.0) + margin)
    places = np.linspace(0.03, 0.97, len(points)) if len(points) > 1 else [0.5]
    for place, (y, x, name) in zip(places, points, strict=True):
        axes.annotate(
            name, (x, y), (1.12, float(place)), textcoords="axes fraction", va="center", fontsize=8, color=INK,
            arrowprops={"arrowstyle": "-", "color": INK, "alpha": 0.35, "linewidth": 0.7, "shrinkB": 3},
        )  # fmt: skip
    axes.set_xlabel("MB sent in total")


def scarcity(figure: Figure, report: ComparisonReport) -> None:
    """Draws the mean gain and its interval by the number of messages seen, one panel per method."""

    def draw(axes: Axes, measured: Sequence[ScarcityPoint]) -> None:
        points = sorted(measured, key=lambda point: point.messages_seen)
        seen, means = [max(point.messages_seen, 1) for point in points], [100 * point.gain.value for point in points]
        with_interval = [point for point in points if point.gain.low is not None]
        axes.fill_between(
            [max(point.messages_seen, 1) for point in with_interval],
            [100 * (point.gain.low or 0) for point in with_interval],
            [100 * (point.gain.high or 0) for point in with_interval],
            color=BETTER, alpha=0.22, linewidth=0,
        )  # fmt: skip
        axes.plot(seen, means, "o-", color=BETTER, markersize=4, linewidth=1.5)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xticks(seen, [str(point.messages_seen) for point in points])
        axes.minorticks_off()
        axes.set_xlabel("messages seen", fontsize=8)

    draw_panels(
        figure,
        {method.name: method.scarcity for method in report.comparison.methods if method.scarcity},
        draw,
        heading="Gain by messages seen",
        subtitle="mean gain over global_only, points of recall at 3; shaded: 95 % interval",
        no_data="no method was measured by the number of messages seen",
    )


def drift(figure: Figure, report: ComparisonReport) -> None:
    """Draws the change of recall after K steps on own and on other users' text, one panel per method."""

    def draw(axes: Axes, measured: Sequence[DriftPoint]) -> None:
        points = sorted(measured, key=lambda point: point.steps)
        steps = [point.steps for point in points]
        axes.plot(steps, [100 * p.own_gain.value for p in points], "o-", color=BETTER, markersize=4, label="own text")
        axes.plot(
            steps,
            [100 * p.others_change.value for p in points],
            "s--",
            color=WORSE,
            markersize=4,
            label="other users' text",
        )
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xlabel("local steps K", fontsize=8)

    draw_panels(
        figure,
        {method.name: method.drift for method in report.comparison.methods if method.drift},
        draw,
        heading="Drift: what a personal model forgets",
        subtitle="change of recall at 3 against K = 0, points; blue circles: own text; orange squares: other users’ "
        "text",
        no_data="no method was measured by its number of local steps",
    )


def storage(figure: Figure, report: ComparisonReport) -> None:
    """Draws the change of recall by the bytes of a stored adapter, one panel per method."""

    def draw(axes: Axes, measured: Sequence[StoredAs]) -> None:
        forms = sorted(measured, key=lambda stored: stored.bytes_p50)
        full = next((stored for stored in forms if stored.form == "fp32"), forms[-1]).recall_at_3
        places = [(stored.bytes_p50 / 1000, 100 * (stored.recall_at_3 - full)) for stored in forms]
        axes.plot([x for x, _ in places], [y for _, y in places], "o-", color=BETTER, markersize=5)
        for stored, place in zip(forms, places, strict=True):
            axes.annotate(stored.form, place, (0, -11), ha="center", textcoords="offset points", fontsize=7, color=INK)
        axes.margins(x=0.22, y=0.3)
        axes.set_xlabel("KB per adapter", fontsize=8)

    measured = {method.name: method.storage for method in report.comparison.methods if method.storage}
    smallest = min((stored.bytes_p50 for forms in measured.values() for stored in forms), default=None)
    draw_panels(
        figure,
        measured,
        draw,
        heading="Storage: what each form of the adapter costs",
        subtitle="change of mean recall at 3 against fp32, points; median bytes over phones, at least "
        f"{volume(smallest)}",
        no_data="no method that stores an adapter was measured",
    )
