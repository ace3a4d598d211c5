"""The start with each piece's bias moved to how often the owner types it, then K steps from there.

    bias(v) = bias_0(v) + β·log((c(v) + a) / (e(v) + a)),    for each piece v that was typed

c(v): how often v was typed; e(v) = Σ p(v | context): how often the start expected it in the same contexts.
Kneser, Peters and Klakow 1997 (Language model adaptation using dynamic marginals), with the marginals
of the text itself in the place of the background's, and `a` added to both so that few words move little. It
takes no rate and one pass: e − c is the gradient of the loss with respect to the bias.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_runtime.adaptation.algorithms.fine_tuning import train
from device_runtime.adaptation.algorithms.local_steps import batches, gradient
from device_runtime.adapter.adapter import Adapter
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching.windows import IGNORE, Windows

_UNCLIPPED = 1e30


def adapt(
    engine: TrainingEngine, recipe: Recipe, learnt: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the adapter after `recipe.steps` steps from, and pulled to, the start with its bias moved.

    `constants["strength"]`: β; `constants["pseudo_count"]`: a. `held_out` is not read.
    """
    start = starts[0]
    typed, surplus = np.zeros_like(start.bias), np.zeros_like(start.bias)
    for batch in batches(engine, learnt):
        targets = batch.targets[batch.targets != IGNORE]
        np.add.at(typed, targets, np.float32(1.0))
        surplus += len(targets) * gradient(engine, batch, start, _UNCLIPPED).bias
    few = np.float32(recipe.constants["pseudo_count"])
    expected = np.maximum(typed + surplus, np.float32(0.0))
    moved = np.float32(recipe.constants["strength"]) * np.log((typed + few) / (expected + few))
    bias = start.bias + np.where(typed > 0, moved, np.float32(0.0))
    return train(engine, recipe, learnt, Adapter(start.lora_a, start.lora_b, bias))


ALGORITHM = DeviceAlgorithm(
    "marginals",
    adapt,
    constants={"strength": (0, 100), "pseudo_count": (1e-6, 1e30)},
    moves_without_steps=lambda constants: constants["strength"] > 0,
)
