"""q-FedAvg: clients that the model serves badly count for more (Li et al. 2020, arXiv:1905.10497, Algorithm 2).

    Δ_k = L·(w − w_k),    w ← w − Σ F_k^q·Δ_k / Σ h_k,    h_k = q·F_k^(q−1)·‖Δ_k‖² + L·F_k^q

F_k: the client's loss at w; L: one over the local learning rate. Written as a weighted mean, so that it
goes through any of TFF's aggregators: weight h_k, update F_k^q·Δ_k / h_k. q = 0 weighs all clients alike.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def reweighted(update: Any, loss: tf.Tensor, learning_rate: float, q: float) -> tuple[Any, tf.Tensor]:
    """Returns a client's update and weight for the mean.

    Args:
        update: w − w_k, a structure of tensors.
        loss: F_k in nats, a scalar.
        learning_rate: the local one, 1/L.
        q: 0 = the plain mean over clients; larger evens out the clients' losses.
    """
    lipschitz = 1.0 / learning_rate
    loss = tf.maximum(loss, 1e-6)
    norm = sum(tf.reduce_sum(tf.square(lipschitz * part)) for part in tf.nest.flatten(update))
    weight = q * loss ** (q - 1.0) * norm + lipschitz * loss**q
    share = loss**q * lipschitz / weight
    return tf.nest.map_structure(lambda part: share * part, update), weight
