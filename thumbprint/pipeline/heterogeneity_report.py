"""How users differ, in pictures: who wrote how much, how far users are apart, words of their own, drift.

What `thumbprint heterogeneity` and `thumbprint recommend` leave in a folder.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from device_runtime.reporting.plot_style import BETTER, INK, WORSE
from federated.heterogeneity.divergence import Divergence
from federated.heterogeneity.report import Heterogeneity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
import json
from dataclasses import asdict
from pathlib import Path

from federated.heterogeneity.recommendation import Recommendation
from keyboard_model.storage.durable_files import atomic_write

SEEN, FLOOR = BETTER, WORSE
"""What is observed, and what chance alone would show: the project's two colours."""


def _sizes(axes: Axes, found: Heterogeneity) -> bool:
    words = sorted((user.words for user in found.users if user.words), reverse=True)
    axes.plot(range(1, len(words) + 1), words, color=SEEN, linewidth=2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("user, by words typed")
    axes.set_ylabel("words")
    _say(axes, f"Gini {found.words.gini:.2f}\nthe top tenth has {100 * found.words.top_tenth:.0f} %")
    return True


def _between(axes: Axes, found: Heterogeneity) -> bool:
    axes.set_ylabel("pairs of users")
    return _against_floor(axes, [pair.divergence for pair in found.pairs])


def _drift(axes: Axes, found: Heterogeneity) -> bool:
    axes.set_ylabel("users")
    return _against_floor(axes, [user.drift for user in found.users if user.drift])


def _outside(axes: Axes, found: Heterogeneity) -> bool:
    shares = [100 * user.outside_shared for user in found.users if user.outside_shared is not None]
    if not shares:
        return False
    axes.hist(shares, bins=30, color=SEEN)
    axes.set_xlabel("words of 100 that fewer than 2 others typed")
    axes.set_ylabel("users")
    _say(axes, f"mean {np.mean(shares):.1f}")
    return True


def _against_floor(axes: Axes, divergences: Sequence[Divergence]) -> bool:
    if not divergences:
        return False
    observed, floor = [d.observed for d in divergences], [d.floor for d in divergences]
    bins = np.histogram_bin_edges([*observed, *floor], bins=30).tolist()
    axes.hist(floor, bins=bins, color=FLOOR, alpha=0.6, label="within one user")
    axes.hist(observed, bins=bins, color=SEEN, alpha=0.6, label="observed")
    axes.set_xlabel("Jensen-Shannon divergence, bits")
    axes.legend(frameon=False, fontsize=9, loc="upper right")  # "best" is slow on many bars
    return True


def _say(axes: Axes, text: str) -> None:
    axes.text(0.97, 0.95, text, transform=axes.transAxes, ha="right", va="top", color=INK, fontsize=10)


PICTURES: dict[str, tuple[str, Callable[[Axes, Heterogeneity], bool]]] = {
    "sizes": ("Who wrote how much", _sizes),
    "between_users": ("How far two users' words are apart, and how far chance alone puts them", _between),
    "own_words": ("Words of their own", _outside),
    "drift": ("How far a user's first words are from their last", _drift),
}
"""By the name of the file: the title, and what draws it (False where there is nothing to draw)."""


def heterogeneity_picture(found: Heterogeneity, name: str) -> bytes:
    """Draws one of `PICTURES`. Returns an SVG whose text is text; the same figures give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    title, draw = PICTURES[name]
    settings: Any = {"svg.hashsalt": "thumbprint", "svg.fonttype": "none", "font.family": "sans-serif"}
    content = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(7.5, 4), layout="constrained")
        axes = figure.add_subplot()
        if not draw(axes, found):
            axes.set_axis_off()
            axes.text(0.5, 0.5, "too little text to measure", ha="center", color=INK, transform=axes.transAxes)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.set_title(title + (" · SYNTHETIC" if found.synthetic else ""), loc="left", color=INK, fontweight="bold")
        figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


REPORT, RECOMMENDATION = "heterogeneity.json", "recommendation.json"


def write_heterogeneity(folder: Path, found: Heterogeneity) -> list[Path]:
    """Writes the report and its pictures, each whole or not at all. Returns their paths."""
    pictures = {f"{name}.svg": heterogeneity_picture(found, name) for name in PICTURES}
    return _write(folder, {REPORT: _json(found.as_json()), **pictures})


def write_recommendation(folder: Path, found: Heterogeneity, advice: Recommendation) -> list[Path]:
    """Writes the advice, and the report that it follows from. Returns their paths."""
    about = {"format": "thumbprint-recommendation", "format_version": 1, "corpus_id": found.corpus_id, "run": found.run}
    return _write(folder, {REPORT: _json(found.as_json()), RECOMMENDATION: _json({**about, **asdict(advice)})})


def _json(content: object) -> bytes:
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"


def _write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        atomic_write(folder / name, content)
    return [folder / name for name in files]
