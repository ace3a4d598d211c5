"""q-FFL: clients that the model serves badly count for more (Li et al. 2020, arXiv:1905.10497).

    min_w  Σ p_k/(q+1)·F_k(w)^(q+1),    with the gradient  Σ p_k·F_k^q·∇F_k        (equation 3; p_k = n_k/n)

q = 0 is FedAvg's objective; q → ∞ is agnostic FedAvg's (Mohri et al. 2019), which serves the worst client best.

`reweighted` is q-FedAvg (Algorithm 2), for a server that takes the step it is sent:

    Δ_k = L·(w − w_k),    w ← w − Σ F_k^q·Δ_k / Σ h_k,    h_k = q·F_k^(q−1)·‖Δ_k‖² + L·F_k^q

F_k: the client's loss at w; L: one over the local learning rate. Written as a weighted mean, so that it
goes through any of TFF's aggregators: weight h_k, update F_k^q·Δ_k / h_k. q = 0 weighs all clients alike.

`q_ffl_weight` keeps of it the gradient's weights n_k·F_k^q, for a server with an optimizer of its own: the
Lipschitz normalization Σ h_k only sets the length of the step, which FedAdam sets by itself.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

LEAST_LOSS = 1e-6
"""ε in nats, so that a client without any loss is still one of the mean's."""


def q_fed_avg_update(update: Any, loss: tf.Tensor, learning_rate: float, q: float) -> tuple[Any, tf.Tensor]:
    """Returns a client's update and weight for the mean.

    Args:
        update: w − w_k, a structure of tensors.
        loss: F_k in nats, a scalar.
        learning_rate: the local one, 1/L.
        q: 0 = the plain mean over clients; larger evens out the clients' losses.
    """
    lipschitz = 1.0 / learning_rate
    loss = tf.maximum(loss, LEAST_LOSS)
    norm = sum(tf.reduce_sum(tf.square(lipschitz * part)) for part in tf.nest.flatten(update))
    weight = q * loss ** (q - 1.0) * norm + lipschitz * loss**q
    share = loss**q * lipschitz / weight
    return tf.nest.map_structure(lambda part: share * part, update), weight


def q_ffl_weight(examples: tf.Tensor, loss: tf.Tensor, q: float) -> tf.Tensor:
    """Returns a client's weight in the mean of the updates, n_k·(F_k + ε)^q.

    Args:
        examples: n_k, a scalar; a client without any weighs nothing, whatever its loss.
        loss: F_k in nats at the weights that the round began with, a scalar.
        q: 0 = by examples alone; larger evens out the clients' losses.
    """
    return tf.math.multiply_no_nan((loss + LEAST_LOSS) ** q, examples)
