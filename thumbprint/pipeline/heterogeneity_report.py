"""Writes the results of `thumbprint heterogeneity` and `thumbprint recommend` into a folder: JSON and pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from device_runtime.reporting.plots import BETTER, INK, WORSE, Drawing
from federated.heterogeneity.divergence import Divergence
from federated.heterogeneity.recommendation import Recommendation
from federated.heterogeneity.report import Heterogeneity
from keyboard_model.storage.durable_files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OBSERVED, FLOOR = BETTER, WORSE
"""Colours of the observed values, and of those that chance alone would show."""


def _sizes(axes: Axes, report: Heterogeneity) -> bool:
    words = sorted((user.words for user in report.users if user.words), reverse=True)
    axes.plot(range(1, len(words) + 1), words, color=OBSERVED, linewidth=2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("user, by words typed")
    axes.set_ylabel("words")
    _annotate(axes, f"Gini {report.words.gini:.2f}\nshare of the top tenth {100 * report.words.top_tenth:.0f} %")
    return True


def _between(axes: Axes, report: Heterogeneity) -> bool:
    axes.set_ylabel("pairs of users")
    return _against_floor(axes, [pair.divergence for pair in report.pairs])


def _drift(axes: Axes, report: Heterogeneity) -> bool:
    axes.set_ylabel("users")
    return _against_floor(axes, [user.drift for user in report.users if user.drift])


def _outside(axes: Axes, report: Heterogeneity) -> bool:
    shares = [100 * user.outside_shared for user in report.users if user.outside_shared is not None]
    if not shares:
        return False
    axes.hist(shares, bins=30, color=OBSERVED)
    axes.set_xlabel("of 100 typed words, those that fewer than 2 others typed")
    axes.set_ylabel("users")
    _annotate(axes, f"mean {np.mean(shares):.1f}")
    return True


def _against_floor(axes: Axes, divergences: Sequence[Divergence]) -> bool:
    if not divergences:
        return False
    observed, floor = [d.observed for d in divergences], [d.floor for d in divergences]
    bins = np.histogram_bin_edges([*observed, *floor], bins=30).tolist()
    axes.hist(floor, bins=bins, color=FLOOR, alpha=0.6, label="within one user")
    axes.hist(observed, bins=bins, color=OBSERVED, alpha=0.6, label="observed")
    axes.set_xlabel("Jensen-Shannon divergence, bits")
    axes.legend(frameon=False, fontsize=9, loc="upper right")  # "best" is slow on many bars
    return True


def _annotate(axes: Axes, text: str) -> None:
    axes.text(0.97, 0.95, text, transform=axes.transAxes, ha="right", va="top", color=INK, fontsize=10)


PICTURES: dict[str, tuple[str, Callable[[Axes, Heterogeneity], bool]]] = {
    "sizes": ("How much each user wrote", _sizes),
    "between_users": ("Distance between the words of two users, observed and by chance alone", _between),
    "own_words": ("Words of their own", _outside),
    "drift": ("Distance between a user's first words and their last", _drift),
}
"""By file name: the title, and the function that draws it (it returns False if there is nothing to draw)."""


def heterogeneity_picture(report: Heterogeneity, name: str) -> bytes:
    """Draws one of `PICTURES` as an SVG."""
    return Drawing(lambda: _figure(report, name)).svg()


def _figure(report: Heterogeneity, name: str) -> Figure:
    from matplotlib.figure import Figure

    title, draw = PICTURES[name]
    figure = Figure(figsize=(7.5, 4))
    axes = figure.add_subplot()
    if not draw(axes, report):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "too little text to measure", ha="center", color=INK, transform=axes.transAxes)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(title + (" · SYNTHETIC" if report.synthetic else ""), loc="left", color=INK, fontweight="bold")
    return figure


REPORT, RECOMMENDATION = "heterogeneity.json", "recommendation.json"


def write_heterogeneity(folder: Path, report: Heterogeneity) -> list[Path]:
    """Writes the report and its pictures, each completely or not at all. Returns their paths."""
    pictures = {f"{name}.svg": heterogeneity_picture(report, name) for name in PICTURES}
    return _write(folder, {REPORT: _json(report.as_json()), **pictures})


def write_recommendation(folder: Path, report: Heterogeneity, recommendation: Recommendation) -> list[Path]:
    """Writes the recommendation, and the report that it is based on. Returns their paths."""
    about = {
        "format": "thumbprint-recommendation",
        "format_version": 1,
        "corpus_id": report.corpus_id,
        "run": report.run,
    }
    return _write(folder, {REPORT: _json(report.as_json()), RECOMMENDATION: _json({**about, **asdict(recommendation)})})


def _json(content: object) -> bytes:
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"


def _write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        atomic_write(folder / name, content)
    return [folder / name for name in files]
