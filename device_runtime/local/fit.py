"""Which of several adapters fits a text best."""

from __future__ import annotations

from collections.abc import Iterable

from device_runtime.adapter import Adapter
from device_runtime.engine import Engine
from device_runtime.local.batches import log_probs
from keyboard_model.windows import Windows


def fittest(engine: Engine, windows: Windows, candidates: Iterable[Adapter]) -> Adapter:
    """Returns the adapter with the least mean loss a counted target; ties, and a text without any, to the first."""

    def loss(adapter: Adapter) -> float:
        return -float(log_probs(engine, windows, adapter).sum())

    best = min(candidates, key=loss)
    engine.rest()  # so that judging and training never fill the phone's memory together
    return best
