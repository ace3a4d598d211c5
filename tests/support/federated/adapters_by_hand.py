"""The adapter's loss and gradient in float64 NumPy, of the formulas in the docstrings of `keyboard_model` alone."""

from __future__ import annotations

import numpy as np

from keyboard_model.batching import IGNORE
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from tests.support.federated.toys import BOS

Arrays = list[np.ndarray]
"""lora_a, lora_b, bias."""


def arrays(adapter: AdapterTensors) -> Arrays:
    return [np.asarray(part, np.float64) for part in adapter]


def assert_close(found: AdapterTensors, expected: Arrays) -> None:
    for part, by_hand in zip(found, expected, strict=True):
        np.testing.assert_allclose(part, by_hand, rtol=1e-4, atol=1e-5)


def features(shared: Parameters, tokens: np.ndarray) -> np.ndarray:
    embedding, w_x, w_h, b, w_p, _ = arrays(shared)
    read = []
    for row in tokens:
        cell, projection = np.zeros(len(w_p)), np.zeros(w_p.shape[1])
        for token in row:
            if token == BOS:
                cell, projection = 0 * cell, 0 * projection
            forget, candidate, output = np.split(embedding[token] @ w_x + projection @ w_h + b, 3)
            forget, output = 1 / (1 + np.exp(-forget)), 1 / (1 + np.exp(-output))
            cell = forget * cell + (1 - forget) * np.tanh(candidate)
            projection = (output * np.tanh(cell)) @ w_p
            read.append(projection)
    return np.array(read)


def loss_and_gradient(shared: Parameters, theta: Arrays, batch: dict[str, np.ndarray]) -> tuple[float, Arrays]:
    """Mean loss over the counted targets of a batch, and its gradient."""
    (a, b, bias), embedding, d = theta, arrays(shared)[0], arrays(shared)[5]
    targets = batch.targets.reshape(-1)
    kept = targets != IGNORE
    p, targets = features(shared, batch.tokens)[kept], targets[kept]
    scores = (p + p @ a @ b) @ embedding.T + d + bias
    q = np.exp(scores - scores.max(axis=1, keepdims=True))
    q /= q.sum(axis=1, keepdims=True)
    rows = np.arange(len(targets))
    loss = float(-np.log(q[rows, targets]).mean())
    q[rows, targets] -= 1
    d_scores = q / len(targets)
    d_adapted = d_scores @ embedding
    return loss, [p.T @ (d_adapted @ b.T), (p @ a).T @ d_adapted, d_scores.sum(axis=0)]


def clipped(slope: Arrays, clip: float) -> Arrays:
    norm = np.sqrt(sum((part**2).sum() for part in slope))
    return [part * min(1.0, clip / norm) for part in slope]


def sgd(
    shared: Parameters, theta: Arrays, batches: list[dict[str, np.ndarray]], eta: tuple[float, float], clip: float
) -> Arrays:
    """Plain SGD, one step a batch. `eta`: the rate of both low-rank parts, and the bias's."""
    for batch in batches:
        slope = clipped(loss_and_gradient(shared, theta, batch)[1], clip)
        theta = [part - rate * down for part, rate, down in zip(theta, (eta[0], *eta), slope, strict=True)]
    return theta
