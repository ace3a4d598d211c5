"""K steps from the start over what the owner typed, pulled back to it: fine-tuning and all that end in it."""

from __future__ import annotations

from collections.abc import Sequence

from device_runtime.adaptation.algorithms.local_steps import batches, count_targets, step_sizes
from device_runtime.adapter.adapter import Adapter
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching.windows import Windows


def adapt(
    engine: TrainingEngine, recipe: Recipe, learnt: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the adapter that `train` makes of the first start; `held_out` is not read."""
    return train(engine, recipe, learnt, starts[0])


def train(engine: TrainingEngine, recipe: Recipe, windows: Windows, anchor: Adapter) -> Adapter:
    """Returns the adapter after `recipe.steps` SGD steps from `anchor`, over the batches in turn."""
    made = batches(engine, windows)
    rates = step_sizes(recipe, count_targets(windows))
    adapter = anchor
    for step in range(recipe.steps):
        adapter, _ = engine.adapt(*made[step % len(made)], adapter, anchor, rates)
    engine.rest()
    return adapter


ALGORITHM = DeviceAlgorithm("steps", adapt)
