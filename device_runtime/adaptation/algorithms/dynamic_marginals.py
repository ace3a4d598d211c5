"""Moves each piece's bias towards how often the owner types the piece, then takes K steps from there.

    bias(v) = bias_0(v) + β·log((c(v) + a) / (e(v) + a)),    for each piece v that was typed

c(v) is how often v was typed, and e(v) = Σ p(v | context) is how often the start expected it in the same contexts.
Kneser, Peters and Klakow 1997 (Language model adaptation using dynamic marginals), but with the marginals of the
owner's messages instead of a background corpus. `a` is added to both counts, so that a few words move the bias only a
little. This needs no rate and one pass over the messages: e − c is the gradient of the loss with respect to the bias.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_runtime.adaptation.local_steps import batches, gradient, train
from device_runtime.adapter.adapter import Adapter
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching import IGNORE, Windows

_NO_CLIP = 1e30


def adapt(
    engine: TrainingEngine, recipe: Recipe, training: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the adapter after K steps from the first start with its bias moved.

    The pull is towards that moved start. `constants["strength"]` is β, and `constants["pseudo_count"]` is a.
    `held_out` is not used.
    """
    start = starts[0]
    typed, surplus = np.zeros_like(start.bias), np.zeros_like(start.bias)
    for batch in batches(engine, training):
        targets = batch.targets[batch.targets != IGNORE]
        np.add.at(typed, targets, np.float32(1.0))
        surplus += len(targets) * gradient(engine, batch, start, _NO_CLIP).bias
    pseudo_count = np.float32(recipe.constants["pseudo_count"])
    expected = np.maximum(typed + surplus, np.float32(0.0))
    change = np.float32(recipe.constants["strength"]) * np.log((typed + pseudo_count) / (expected + pseudo_count))
    bias = start.bias + np.where(typed > 0, change, np.float32(0.0))
    return train(engine, recipe, training, Adapter(start.lora_a, start.lora_b, bias))


ALGORITHMS = (
    DeviceAlgorithm(
        "marginals",
        adapt,
        constants={"strength": (0, 100), "pseudo_count": (1e-6, 1e30)},
        moves_without_steps=lambda constants: constants["strength"] > 0,
    ),
)
