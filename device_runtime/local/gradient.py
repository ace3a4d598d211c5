"""The loss's gradient at an adapter, read off a step of the model: a bundle has no signature of its own for it."""

from __future__ import annotations

from device_runtime.adapter import Adapter
from device_runtime.engine import Engine
from device_runtime.local.batches import Batch
from device_runtime.local.rates import Rates

_LARGE = 1024.0
"""The rate of the step that a gradient is read off: a power of two, and so large that the difference loses nothing."""


def gradient(engine: Engine, batch: Batch, at: Adapter, clip: float) -> Adapter:
    """The clipped gradient of the mean loss, off one step without a pull: it is all that the step subtracts."""
    moved, _ = engine.adapt(*batch, at, at, Rates(_LARGE, _LARGE, 0.0, clip))
    return Adapter(
        (at.lora_a - moved.lora_a) / _LARGE, (at.lora_b - moved.lora_b) / _LARGE, (at.bias - moved.bias) / _LARGE
    )
