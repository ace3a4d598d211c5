"""Interpolations of the shared start and the owner's own adapter. The owner's share is fitted, or learned.

Mansour et al. 2020 (arXiv:2002.10619), section 5, with one weight for the whole adapter. It is chosen on messages that
the owner's adapter was not trained on, from a grid between 0 and 1.

    interpolate    θ = α·θ_shared + (1 − α)·θ_own      θ_own from K steps alone, before the interpolation
    mapper         θ = λ·θ_own + (1 − λ)·θ_shared      θ_own from K steps through the interpolation, for each λ (MAPPER)

`apfl` is Deng et al. 2020 (arXiv:2003.13461), Algorithm 1 and equation 10:

    θ̄ = α·v + (1 − α)·w                     w the shared start, v the owner's adapter, which starts at w
    g = clip(∇L(θ̄))
    α ← min(1, max(0, α − η_α·⟨v − w, g⟩))
    v ← v − α·η·g                            with α from before its update; K times; the result is θ̄

Here w does not change, because the shared adapter is trained in federated rounds and not on the phone. If α is 0 and
stays 0, the result is the shared adapter; with α = 1 it is that of `steps` without a pull.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_runtime.adaptation.local_steps import batches, best_adapter, gradient, planned_steps, train
from device_runtime.adapter.adapter import Adapter, interpolate
from device_runtime.algorithm_registry import DeviceAlgorithm
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching import Windows
from keyboard_model.step_sizes import StepSizes


def apfl(
    engine: TrainingEngine, recipe: Recipe, training: Windows, held_out: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns θ̄ after K steps. `held_out` is not used.

    `constants["alpha"]` is the share of v at the start, and `constants["alpha_rate"]` is η_α; with 0 the share stays.
    """
    return train_mixture(engine, recipe, training, starts[0], recipe.constants["alpha"], recipe.constants["alpha_rate"])


def train_mixture(
    engine: TrainingEngine, recipe: Recipe, training: Windows, shared: Adapter, alpha: float, alpha_rate: float
) -> Adapter:
    """Returns θ̄ after K steps of v and α from v = `shared` and this α."""
    own = shared
    cut = batches(engine, training)
    number, rates = planned_steps(recipe, cut)
    for step in range(number):
        slope = gradient(engine, cut[step % len(cut)], interpolate(own, shared, alpha), recipe.clip)
        new_alpha = alpha - alpha_rate * _inner_product(own, shared, slope)
        own = _descend(own, slope, alpha, rates)
        alpha = min(max(new_alpha, 0.0), 1.0)
    engine.rest()
    return interpolate(own, shared, alpha)


def _inner_product(own: Adapter, shared: Adapter, slope: Adapter) -> float:
    """⟨own − shared, slope⟩ over all three tensors."""
    theirs, slopes = shared.tensors(), slope.tensors()
    return sum(float(np.vdot(tensor - theirs[name], slopes[name])) for name, tensor in own.tensors().items())


def _descend(own: Adapter, slope: Adapter, alpha: float, rates: StepSizes) -> Adapter:
    rate, bias_rate = alpha * rates.learning_rate, alpha * rates.bias_rate
    return Adapter(
        own.lora_a - rate * slope.lora_a, own.lora_b - rate * slope.lora_b, own.bias - bias_rate * slope.bias
    )


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

    `constants["grid"]` is the number of values of λ that are tried, including 0 and 1. All but 0 need K steps
    each.
    """
    shared = starts[0]
    shares = np.linspace(0.0, 1.0, int(recipe.constants["grid"]), dtype=np.float32)[1:]
    fitted = [train_mixture(engine, recipe, training, shared, float(share), 0.0) for share in shares]
    return best_adapter(engine, held_out, [shared, *fitted])


ALGORITHMS = (
    DeviceAlgorithm("apfl", apfl, constants={"alpha": (0, 1), "alpha_rate": (0, 1e30)}),
    DeviceAlgorithm("interpolate", after_training, constants={"grid": (2, 1001)}),
    DeviceAlgorithm("mapper", mapper, constants={"grid": (2, 101)}),
)
