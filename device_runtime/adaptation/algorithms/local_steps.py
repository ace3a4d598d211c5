"""An owner's windows as the model reads them: batches of its one size, and what it says of them.

What one local step moves by.

The loss's gradient at an adapter, read off a step of the model: a bundle has no signature of its own for it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device_runtime.adapter.adapter import Adapter
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching.windows import IGNORE, Batch, Windows
from keyboard_model.batching.windows import batches as cut_batches
from keyboard_model.step_sizes import StepSizes


def batches(engine: TrainingEngine, windows: Windows) -> list[Batch]:
    """The windows in batches of the size that the model takes."""
    return cut_batches(windows.tokens, windows.targets, engine.shape.batch, engine.shape.bos)


def count_targets(windows: Windows) -> int:
    """How many targets the windows count."""
    return int((windows.targets != IGNORE).sum())


def log_probs(engine: TrainingEngine, windows: Windows, adapter: Adapter) -> npt.NDArray[np.float64]:
    """Log-probability of each counted target of the windows, in order. `[counted]`, float64"""
    found = [engine.evaluate(*batch, adapter)[batch.targets != IGNORE] for batch in batches(engine, windows)]
    return np.concatenate([np.zeros(0), *found])


def step_sizes(recipe: Recipe, pieces: int) -> StepSizes:
    """The recipe's step sizes for a user who typed `pieces` pieces: both rates times n / (n + evidence)."""
    share = pieces / (pieces + recipe.evidence) if pieces else 0.0
    return StepSizes(recipe.learning_rate * share, recipe.bias_rate * share, recipe.proximal, recipe.clip)


_LARGE = 1024.0
"""The rate of the step that a gradient is read off: a power of two, and so large that the difference loses nothing."""


def gradient(engine: TrainingEngine, batch: Batch, at: Adapter, clip: float) -> Adapter:
    """The clipped gradient of the mean loss, off one step without a pull: it is all that the step subtracts."""
    moved, _ = engine.adapt(*batch, at, at, StepSizes(_LARGE, _LARGE, 0.0, clip))
    return Adapter(
        (at.lora_a - moved.lora_a) / _LARGE, (at.lora_b - moved.lora_b) / _LARGE, (at.bias - moved.bias) / _LARGE
    )
