"""An engine whose results can be calculated by hand: its loss is half the squared distance to a point.

So the gradient at θ is θ − point for every message. The first target of a batch is the index of the point: messages of
piece 0 pull to one point, messages of piece 1 to another.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from device_runtime.adapter.adapter import Adapter
from keyboard_model.batching import Windows
from keyboard_model.step_sizes import StepSizes


def at(bias: list[float], low: float = 0.0) -> Adapter:
    """Returns an adapter with one low-rank number and two biases."""
    return Adapter(np.array([[low]], np.float32), np.zeros((1, 1), np.float32), np.array(bias, np.float32))


def text(piece: int) -> Windows:
    """Returns one window with one target that counts."""
    return Windows(np.ones((1, 1), np.int32), np.full((1, 1), piece, np.int32), np.zeros((1, 1), np.int32))


NOTHING = Windows(*(np.zeros((0, 1), np.int32) for _ in Windows._fields))


class QuadraticEngine:
    """A `TrainingEngine` with a quadratic loss around one point for each piece.

    `loaded` tells whether the memory of training is in use.
    """

    def __init__(self, *points: Adapter) -> None:
        self._points = points
        self.shape = SimpleNamespace(batch=1, window=1, bos=1)
        self.loaded = False

    def adapt(
        self, tokens: np.ndarray, targets: np.ndarray, adapter: Adapter, anchor: Adapter, rates: StepSizes
    ) -> tuple[Adapter, float]:
        self.loaded = True
        gradient = self._gradient(targets, adapter)
        norm = np.sqrt(sum(float((part**2).sum()) for part in gradient.values()))
        scale = min(1.0, rates.clip / norm) if norm else 1.0
        etas = {"lora_a": rates.learning_rate, "lora_b": rates.learning_rate, "bias": rates.bias_rate}
        moved = {}
        for name, part in adapter.tensors().items():
            pull = etas[name] * rates.proximal
            stepped = part - etas[name] * scale * gradient[name] + pull * anchor.tensors()[name]
            moved[name] = stepped / (1 + pull)
        return Adapter(**moved), 0.0

    def evaluate(self, tokens: np.ndarray, targets: np.ndarray, adapter: Adapter) -> np.ndarray:
        self.loaded = True
        gradient = self._gradient(targets, adapter)
        return np.full(targets.shape, -0.5 * sum(float((part**2).sum()) for part in gradient.values()), np.float32)

    def rest(self) -> None:
        self.loaded = False

    def _gradient(self, targets: np.ndarray, adapter: Adapter) -> dict[str, np.ndarray]:
        point = self._points[int(targets[0, 0])].tensors()
        return {name: part - point[name] for name, part in adapter.tensors().items()}
