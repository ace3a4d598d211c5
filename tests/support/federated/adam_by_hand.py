"""Adam on the shared model, spelled out without `federated`."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from keyboard_model.batching import IGNORE
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from tests.support.federated.toys import BOS, Batches


def adam_by_hand(initial: Parameters, batches: Batches, rate: float, clip: float) -> list[np.ndarray]:
    """Kingma and Ba 2015, Algorithm 1, with the bias corrections in the rate (section 2), one step a batch."""
    weights = [np.array(part, np.float64) for part in initial]
    first, second = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
    for number, batch in enumerate(batches, start=1):
        variables = [tf.Variable(weight, dtype=tf.float32) for weight in weights]
        targets = batch.targets.reshape(-1)
        wanted = [[i, target] for i, target in enumerate(targets) if target != IGNORE]
        with tf.GradientTape() as tape:
            values = Parameters(*(variable.read_value() for variable in variables))
            features = tf.reshape(
                cifg_lstm.unroll(values, tf.constant(batch.tokens), BOS), [-1, values.embedding.shape[1]]
            )
            log_probs = tf.nn.log_softmax(features @ tf.transpose(values.embedding) + values.d)
            loss = -tf.reduce_mean(tf.gather_nd(log_probs, wanted))
        slopes = [tf.convert_to_tensor(slope).numpy() for slope in tape.gradient(loss, variables)]
        norm = np.sqrt(sum((slope**2).sum() for slope in slopes))
        slopes = [slope * min(1.0, clip / norm) for slope in slopes]
        first = [0.9 * a + 0.1 * g for a, g in zip(first, slopes, strict=True)]
        second = [0.999 * p + 0.001 * g**2 for p, g in zip(second, slopes, strict=True)]
        step = rate * np.sqrt(1 - 0.999**number) / (1 - 0.9**number)
        weights = [w - step * a / (np.sqrt(p) + 1e-7) for w, a, p in zip(weights, first, second, strict=True)]
    return weights
