"""Local steps over an owner's messages, which the device algorithms are built from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from device_runtime.adapter.adapter import Adapter
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching import IGNORE, Batch, Windows
from keyboard_model.batching import batches as cut_batches
from keyboard_model.step_sizes import StepSizes, number_of_steps, rate_share


def batches(engine: TrainingEngine, windows: Windows) -> list[Batch]:
    """Returns the windows in batches of the size that the model's signatures require."""
    return cut_batches(windows.tokens, windows.targets, engine.shape.batch, engine.shape.bos)


def count_targets(windows: Windows | Batch) -> int:
    """Returns how many targets the windows, or those of a batch, have, without the ignored ones."""
    return int((windows.targets != IGNORE).sum())


def log_probs(engine: TrainingEngine, windows: Windows, adapter: Adapter) -> npt.NDArray[np.float64]:
    """Returns the log-probability of each target of the windows that counts, in order. `[counted]`, float64"""
    scores = [engine.evaluate(*batch, adapter)[batch.targets != IGNORE] for batch in batches(engine, windows)]
    return np.concatenate([np.zeros(0), *scores])


def planned_steps(recipe: Recipe, training: Sequence[Batch]) -> tuple[int, StepSizes]:
    """Returns the number of steps K over an owner's batches, and their sizes.

    Both rates of the recipe are multiplied by n / (n + evidence) for the n pieces of the batches, and by √(steps / K).
    """
    number = number_of_steps(recipe.steps, recipe.passes, len(training))
    pieces = sum(map(count_targets, training))
    share = rate_share(recipe.steps, number) * (pieces / (pieces + recipe.evidence) if pieces else 0.0)
    return number, StepSizes(recipe.learning_rate * share, recipe.bias_rate * share, recipe.proximal, recipe.clip)


def train(engine: TrainingEngine, recipe: Recipe, windows: Windows, anchor: Adapter) -> Adapter:
    """Returns the adapter after K SGD steps over the batches in turn, from `anchor` and pulled to it."""
    training = batches(engine, windows)
    number, rates = planned_steps(recipe, training)
    adapter = anchor
    for step in range(number):
        adapter, _ = engine.adapt(*training[step % len(training)], adapter, anchor, rates)
    engine.rest()
    return adapter


def best_adapter(engine: TrainingEngine, windows: Windows, candidates: Iterable[Adapter]) -> Adapter:
    """Returns the candidate with the least mean loss on the windows; the first one of a tie, or if no target counts."""

    def loss(adapter: Adapter) -> float:
        return -float(log_probs(engine, windows, adapter).sum())

    best = min(candidates, key=loss)
    engine.rest()  # so that evaluation and training never hold their memory at the same time
    return best


_GRADIENT_RATE = 1024.0
"""The rate of the step that `gradient` takes: a power of two, and so large that the difference stays exact."""


def gradient(engine: TrainingEngine, batch: Batch, at: Adapter, clip: float) -> Adapter:
    """Returns the clipped gradient of the mean loss at an adapter.

    A bundle has no signature for gradients, so this takes one SGD step without a pull, which subtracts nothing but the
    gradient.
    """
    moved, _ = engine.adapt(*batch, at, at, StepSizes(_GRADIENT_RATE, _GRADIENT_RATE, 0.0, clip))
    return Adapter(
        (at.lora_a - moved.lora_a) / _GRADIENT_RATE,
        (at.lora_b - moved.lora_b) / _GRADIENT_RATE,
        (at.bias - moved.bias) / _GRADIENT_RATE,
    )
