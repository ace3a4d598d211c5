"""Every way to come from the bundle's starts to the owner's adapter, by the name in the recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from device_runtime.adapter import Adapter
from device_runtime.engine import Engine
from device_runtime.local import apfl, clusters, interpolate, marginals, steps
from device_runtime.manifest import Recipe
from keyboard_model.windows import Windows

Algorithm = Callable[[Engine, Recipe, Windows, Windows, Sequence[Adapter]], Adapter]
"""From the windows to learn from, the tail held out of them, and the starts, to an adapter; neither is empty."""

ALGORITHMS: dict[str, Algorithm] = {
    "steps": steps.adapt,
    "clusters": clusters.adapt,
    "interpolate": interpolate.adapt,
    "apfl": apfl.adapt,
    "marginals": marginals.adapt,
}
"""All but "none", which trains nothing."""
