"""How the updates of a round's clients become one mean: their weights, and the aggregators.

Fair weights are those of q-FFL (Li et al. 2020, arXiv:1905.10497): clients that the model serves badly count for more.

    min_w  Σ p_k/(q+1)·F_k(w)^(q+1),    with the gradient  Σ p_k·F_k^q·∇F_k        (equation 3; p_k = n_k/n)

q = 0 is FedAvg's objective. q → ∞ is that of agnostic FedAvg (Mohri et al. 2019), which minimizes the largest loss.

`q_fed_avg_update` is q-FedAvg (Algorithm 2), for a server that applies the mean update as it is:

    Δ_k = L·(w − w_k),    w ← w − Σ F_k^q·Δ_k / Σ h_k,    h_k = q·F_k^(q−1)·‖Δ_k‖² + L·F_k^q

F_k is the client's loss at w, and L is one over the local learning rate. It is written as a weighted mean, so that each
of TFF's aggregators can compute it: the weight is h_k, the update F_k^q·Δ_k / h_k. With q = 0 all clients count alike.

`q_ffl_weight` has only the weights n_k·F_k^q of the gradient, for a server with an optimizer of its own: the Lipschitz
normalization Σ h_k sets nothing but the length of the step, which FedAdam sets by itself.

A compressed mean quantizes each tensor of an update uniformly between its smallest and its largest number, with random
rounding, so that the mean is right in expectation (Suresh et al. 2017, arXiv:1611.00429, section 2). TFF's own
`compression_aggregator` does not compress tensors of 20,000 numbers or fewer, so it compresses nothing of an adapter.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
import tensorflow_federated as tff

LEAST_LOSS = 1e-6
"""ε in nats, so that a client without any loss still has a weight."""
BITS = 8
"""Bits of each number of a compressed update."""
AT_LEAST = 16
"""Tensors with more numbers are quantized. The two float32 bounds of a tensor are as large as 8 quantized numbers."""


def q_fed_avg_update(update: Any, loss: tf.Tensor, learning_rate: float, q: float) -> tuple[Any, tf.Tensor]:
    """Returns a client's update and weight for the mean.

    Args:
        update: w − w_k, a structure of tensors.
        loss: F_k in nats, a scalar.
        learning_rate: The local one, 1/L.
        q: 0 = the plain mean over clients; larger values even out the clients' losses.
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
        examples: n_k, a scalar; a client without examples has weight 0, whatever its loss.
        loss: F_k in nats at the weights at the start of the round, a scalar.
        q: 0 = by examples alone; larger values even out the clients' losses.
    """
    return tf.math.multiply_no_nan((loss + LEAST_LOSS) ** q, examples)


def robust_mean(*, compressed: bool = False) -> tff.aggregators.WeightedAggregationFactory:
    """Returns a weighted mean with TFF's adaptive zeroing and clipping of updates (Andrew et al. 2021).

    Args:
        compressed: Whether updates are sent with `BITS` bits a number.
    """
    if not compressed:
        return tff.learning.robust_aggregator(zeroing=True, clipping=True, weighted=True)
    # The same zeroing and clipping, with TFF's default rates.
    quantile = tff.aggregators.PrivateQuantileEstimationProcess.no_noise
    clipping_norm = quantile(initial_estimate=1.0, target_quantile=0.8, learning_rate=0.2)
    zeroing_norm = quantile(
        initial_estimate=10.0, target_quantile=0.98, learning_rate=math.log(10.0), multiplier=2.0, increment=1.0
    )
    quantized = tff.aggregators.EncodedSumFactory.quantize_above_threshold(quantization_bits=BITS, threshold=AT_LEAST)
    mean = tff.aggregators.clipping_factory(clipping_norm, tff.aggregators.MeanFactory(quantized))
    return tff.aggregators.zeroing_factory(zeroing_norm, mean)
