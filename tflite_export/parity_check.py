"""Compares a bundle with the model it was exported from: LiteRT and TensorFlow on the same inputs.

The inputs are sampled from the model itself with a fixed seed: they resemble real text, but are not messages of users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from device_runtime.bundle.loader import Bundle
from device_runtime.inference.engine import Engine
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.step_sizes import StepSizes
from tflite_export.signatures import ExportError

TEXTS, LENGTH = 64, 20
LOG_PROBABILITY_TOLERANCE = 0.5
"""Nats, the largest difference over all sampled targets: int8 weights were measured at 0.13 on real text."""
RECALL_TOLERANCE = 0.01
"""Difference in recall@3 on the same text."""
ADAPT_TOLERANCE = 0.05
"""Of one adaptation step, relative to how far the step moves the adapter (L2)."""


@dataclass(frozen=True)
class ParityReport:
    """Differences between the phone's numbers and TensorFlow's.

    Attributes:
        log_probability: Largest difference over all targets, in nats.
        mean_log_probability: Mean difference over the targets, in nats.
        recall_at_3: Difference in the share of targets among the three most likely pieces.
        adapt: Difference after one adaptation step, relative to the length of the step.
    """

    log_probability: float
    mean_log_probability: float
    recall_at_3: float
    adapt: float

    def refuse_past_tolerance(self) -> None:
        """Raises ExportError if a difference exceeds its tolerance in this module."""
        for name, tolerance in (
            ("log_probability", LOG_PROBABILITY_TOLERANCE),
            ("recall_at_3", RECALL_TOLERANCE),
            ("adapt", ADAPT_TOLERANCE),
        ):
            value = getattr(self, name)
            if not value <= tolerance:
                raise ExportError(
                    f"the exported model differs from the trained one: {name} by {value:.4g} (at most {tolerance})"
                )


def check_parity(bundle: Bundle, parameters: Parameters) -> ParityReport:
    """Runs the bundle's signatures in LiteRT and the same maths in TensorFlow."""
    engine = Engine(bundle)
    anchor = AdapterTensors(bundle.adapter_init.lora_a, bundle.adapter_init.lora_b, bundle.adapter_init.bias)
    targets, expected = _written_by(parameters, anchor, engine.shape.bos)
    found = np.stack([_phone_scores(engine, text) for text in targets])
    differences = np.abs(_of_targets(found, targets) - _of_targets(expected, targets))
    return ParityReport(
        log_probability=float(differences.max()),
        mean_log_probability=float(differences.mean()),
        recall_at_3=abs(_recall(found, targets) - _recall(expected, targets)),
        adapt=_adapt_difference(engine, parameters, anchor, targets),
    )


def _written_by(parameters: Parameters, adapter: AdapterTensors, bos: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples texts from the model; returns pieces `[N,T]` and the log-probabilities `[N,T,V]` they were drawn from."""
    rng = np.random.default_rng(0)
    state = cifg_lstm.zero_state(TEXTS, parameters)
    token = np.full(TEXTS, bos, np.int32)
    pieces, scores = [], []
    for _ in range(LENGTH):
        features, state = cifg_lstm.step(parameters, tf.constant(token), state)
        log_probs = tf.nn.log_softmax(adapters.logits(parameters, adapter, features)).numpy()
        noise = rng.gumbel(size=log_probs.shape)
        token = np.argmax(log_probs + noise, axis=1).astype(np.int32)
        pieces.append(token)
        scores.append(log_probs)
    return np.stack(pieces, 1), np.stack(scores, 1)


def _phone_scores(engine: Engine, text: np.ndarray) -> np.ndarray:
    state, scores = engine.zero_state(), []
    for token in [engine.shape.bos, *text[:-1]]:
        log_probs, state = engine.step(int(token), state, engine.bundle.adapter_init)
        scores.append(np.array(log_probs))
    return np.stack(scores)


def _of_targets(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.take_along_axis(scores, targets[..., np.newaxis], axis=2)[..., 0]


def _recall(scores: np.ndarray, targets: np.ndarray) -> float:
    best = np.argsort(-scores, axis=2)[..., :3]
    return float((best == targets[..., np.newaxis]).any(axis=2).mean())


def _adapt_difference(engine: Engine, parameters: Parameters, anchor: AdapterTensors, targets: np.ndarray) -> float:
    shape = engine.shape
    bos = np.full((len(targets), 1), shape.bos, np.int32)
    repeats = -(-shape.batch * shape.window // targets.size)
    tokens = np.tile(np.concatenate([bos, targets[:, :-1]], 1).reshape(-1), repeats)[: shape.batch * shape.window]
    wanted = np.tile(targets.reshape(-1), repeats)[: shape.batch * shape.window]
    tokens, wanted = (part.reshape(shape.batch, shape.window) for part in (tokens, wanted))
    rates = StepSizes(1.0, 1.0, 0.0, 1e6)
    found, _ = engine.adapt(tokens, wanted, engine.bundle.adapter_init, engine.bundle.adapter_init, rates)
    features = tf.reshape(cifg_lstm.unroll(parameters, tf.constant(tokens), shape.bos), [-1, shape.embedding])
    expected, _ = adapters.step(parameters, anchor, anchor, features, tf.constant(wanted.reshape(-1)), rates)
    moved = sum(float(np.sum((np.asarray(new) - old) ** 2)) for new, old in zip(expected, anchor, strict=True))
    apart = sum(
        float(np.sum((np.asarray(new) - getattr(found, name)) ** 2)) for name, new in expected._asdict().items()
    )
    return float(np.sqrt(apart / max(moved, 1e-12)))
