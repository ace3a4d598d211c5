"""Interpolates between the shared start and the owner's own adapter, as it fits the held-out messages best.

Mansour et al. 2020 (arXiv:2002.10619), section 5, with one weight for the whole adapter. It is chosen on messages that
the owner's adapter was not trained on, from a grid between 0 and 1.

    interpolate    θ = α·θ_shared + (1 − α)·θ_own      θ_own from K steps alone, before the interpolation
    mapper         θ = λ·θ_own + (1 − λ)·θ_shared      θ_own from K steps through the interpolation, for each λ (MAPPER)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_runtime.adaptation.algorithms.apfl import train_mixture
from device_runtime.adaptation.local_steps import best_adapter, train
from device_runtime.adapter.adapter import Adapter, interpolate
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching.windows import Windows


def after_training(
    engine: TrainingEngine, recipe: Recipe, training: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the mixture with the least loss on `held_out`; of a tie, the one nearest to the shared start.

    `constants["grid"]` is the number of values of α that are tried, including 0 and 1.
    """
    shared = starts[0]
    own = train(engine, recipe, training, shared)
    shares = np.linspace(1.0, 0.0, int(recipe.constants["grid"]), dtype=np.float32)
    return best_adapter(engine, held_out, (interpolate(shared, own, float(share)) for share in shares))


def mapper(
    engine: TrainingEngine, recipe: Recipe, training: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the interpolation with the least loss on `held_out`; of a tie, the one with the smallest λ.

    `constants["grid"]` is the number of values of λ that are tried, including 0 and 1. All but 0 need `recipe.steps`
    steps each.
    """
    shared = starts[0]
    shares = np.linspace(0.0, 1.0, int(recipe.constants["grid"]), dtype=np.float32)[1:]
    fitted = [train_mixture(engine, recipe, training, shared, float(share), 0.0) for share in shares]
    return best_adapter(engine, held_out, [shared, *fitted])


ALGORITHMS = (
    DeviceAlgorithm("interpolate", after_training, constants={"grid": (2, 1001)}),
    DeviceAlgorithm("mapper", mapper, constants={"grid": (2, 101)}),
)
