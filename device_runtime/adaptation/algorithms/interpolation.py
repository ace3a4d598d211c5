"""The shared start and the owner's own adapter in the proportion that fits the owner's tail best.

    θ = α·θ_shared + (1 − α)·θ_own,    α of a grid from 0 to 1

Mansour et al. 2020 (arXiv:2002.10619), section 5 (MAPPER), with one α for the whole adapter, chosen on text
that the own one did not learn from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_runtime.adaptation.algorithms.cluster_selection import best_adapter
from device_runtime.adaptation.algorithms.fine_tuning import train
from device_runtime.adapter.adapter import Adapter, interpolate
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching.windows import Windows


def adapt(
    engine: TrainingEngine, recipe: Recipe, learnt: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the mixture with the least loss on `held_out`, ties to the shared start.

    `constants["grid"]`: how many values of α are tried, 0 and 1 among them.
    """
    shared = starts[0]
    own = train(engine, recipe, learnt, shared)
    shares = np.linspace(1.0, 0.0, int(recipe.constants["grid"]), dtype=np.float32)
    return best_adapter(engine, held_out, (interpolate(shared, own, float(share)) for share in shares))


ALGORITHM = DeviceAlgorithm("interpolate", adapt, constants={"grid": (2, 1001)})
