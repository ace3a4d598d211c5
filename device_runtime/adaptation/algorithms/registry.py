"""Every way to come from the bundle's starts to the owner's adapter, by the name in the recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from device_runtime.adaptation.algorithms import apfl, cluster_selection, dynamic_marginals, fine_tuning, interpolation
from device_runtime.adapter.adapter import Adapter
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching.windows import Windows

Algorithm = Callable[[TrainingEngine, Recipe, Windows, Windows, Sequence[Adapter]], Adapter]
"""From the windows to learn from, the tail held out of them, and the starts, to an adapter; neither is empty."""

ALGORITHMS: dict[str, Algorithm] = {
    "steps": fine_tuning.adapt,
    "clusters": cluster_selection.adapt,
    "interpolate": interpolation.adapt,
    "apfl": apfl.adapt,
    "marginals": dynamic_marginals.adapt,
}
"""All but "none", which trains nothing."""
