"""The shared adapter mixed with one of the owner's own, trained through the mixture; its share is learnt, too.

    θ̄ = α·v + (1 − α)·w                     w the shared start, v the owner's, at first w as well
    g = clip(∇L(θ̄))
    α ← min(1, max(0, α − η_α·⟨v − w, g⟩))
    v ← v − α·η·g                            with the α before, K times; the result is θ̄

Deng et al. 2020 (arXiv:2003.13461), Algorithm 1 and equation 10, with w as it came: the shared adapter is
trained in federated rounds, not on the phone. α = 0 that stays there is the shared adapter, α = 1 `steps`
without a pull.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_runtime.adaptation.algorithms.local_steps import batches, count_targets, gradient, step_sizes
from device_runtime.adapter.adapter import Adapter, interpolate
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching.windows import Windows
from keyboard_model.step_sizes import StepSizes


def adapt(
    engine: TrainingEngine, recipe: Recipe, learnt: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns θ̄ after `recipe.steps` steps; `held_out` is not read.

    `constants["alpha"]`: the share of v at first; `constants["alpha_rate"]`: η_α, 0 = it stays.
    """
    shared, alpha = starts[0], recipe.constants["alpha"]
    own = shared
    made = batches(engine, learnt)
    rates = step_sizes(recipe, count_targets(learnt))
    for step in range(recipe.steps):
        slope = gradient(engine, made[step % len(made)], interpolate(own, shared, alpha), recipe.clip)
        turned = alpha - recipe.constants["alpha_rate"] * _product(own, shared, slope)
        own = _moved(own, slope, alpha, rates)
        alpha = min(max(turned, 0.0), 1.0)
    engine.rest()
    return interpolate(own, shared, alpha)


def _product(own: Adapter, shared: Adapter, slope: Adapter) -> float:
    """⟨own − shared, slope⟩ over all three tensors."""
    theirs, slopes = shared.tensors(), slope.tensors()
    return sum(float(np.vdot(tensor - theirs[name], slopes[name])) for name, tensor in own.tensors().items())


def _moved(own: Adapter, slope: Adapter, alpha: float, rates: StepSizes) -> Adapter:
    low, high = alpha * rates.learning_rate, alpha * rates.bias_rate
    return Adapter(own.lora_a - low * slope.lora_a, own.lora_b - low * slope.lora_b, own.bias - high * slope.bias)


ALGORITHM = DeviceAlgorithm("apfl", adapt, constants={"alpha": (0, 1), "alpha_rate": (0, 1e30)})
