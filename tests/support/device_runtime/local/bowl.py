"""A model small enough to follow on paper: its loss is a bowl around a point, half the squared distance to it.

The gradient at θ is θ − point, whatever the text: each step can be written out. Of a batch only the
counted targets' first piece matters, which names the point: text 0 pulls to one place, text 1 to another.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from device_runtime.adapter.adapter import Adapter
from keyboard_model.batching.windows import Windows
from keyboard_model.step_sizes import StepSizes


def at(bias: list[float], low: float = 0.0) -> Adapter:
    """An adapter of one low-rank number and two biases."""
    return Adapter(np.array([[low]], np.float32), np.zeros((1, 1), np.float32), np.array(bias, np.float32))


def text(piece: int) -> Windows:
    """One window with one counted target."""
    return Windows(np.ones((1, 1), np.int32), np.full((1, 1), piece, np.int32), np.zeros((1, 1), np.int32))


NOTHING = Windows(*(np.zeros((0, 1), np.int32) for _ in Windows._fields))


class Bowl:
    """What the algorithms ask of an `Engine`, with a bowl a piece in the model's place."""

    def __init__(self, *points: Adapter) -> None:
        self._points = points
        self.shape = SimpleNamespace(batch=1, window=1, bos=1)
        self.awake = False

    def adapt(
        self, tokens: np.ndarray, targets: np.ndarray, adapter: Adapter, anchor: Adapter, rates: StepSizes
    ) -> tuple[Adapter, float]:
        self.awake = True
        slope = self._slope(targets, adapter)
        norm = np.sqrt(sum(float((part**2).sum()) for part in slope.values()))
        scale = min(1.0, rates.clip / norm) if norm else 1.0
        etas = {"lora_a": rates.learning_rate, "lora_b": rates.learning_rate, "bias": rates.bias_rate}
        moved = {}
        for name, part in adapter.tensors().items():
            pull = etas[name] * rates.proximal
            stepped = part - etas[name] * scale * slope[name] + pull * anchor.tensors()[name]
            moved[name] = stepped / (1 + pull)
        return Adapter(**moved), 0.0

    def evaluate(self, tokens: np.ndarray, targets: np.ndarray, adapter: Adapter) -> np.ndarray:
        self.awake = True
        slope = self._slope(targets, adapter)
        return np.full(targets.shape, -0.5 * sum(float((part**2).sum()) for part in slope.values()), np.float32)

    def rest(self) -> None:
        self.awake = False

    def _slope(self, targets: np.ndarray, adapter: Adapter) -> dict[str, np.ndarray]:
        point = self._points[int(targets[0, 0])].tensors()
        return {name: part - point[name] for name, part in adapter.tensors().items()}
