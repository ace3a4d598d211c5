"""Fine-tuning: K SGD steps from the shared start, with an optional pull back to it. Or no step at all.

`none` keeps the shared start, for methods that do not train an adapter, such as the owner's n-grams alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from device_runtime.adaptation.local_steps import train
from device_runtime.adapter.adapter import Adapter
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching import Windows


def adapt(
    engine: TrainingEngine, recipe: Recipe, training: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the adapter after K steps from the first start. `held_out` is not used."""
    return train(engine, recipe, training, starts[0])


ALGORITHMS = (DeviceAlgorithm("none", None), DeviceAlgorithm("steps", adapt))
