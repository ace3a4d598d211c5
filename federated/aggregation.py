"""How the updates of a round's clients become one mean: their weights, and the aggregators.

Fair weights are those of q-FFL (Li et al. 2020, arXiv:1905.10497): clients that the model serves badly count for more.

    min_w  Σ p_k/(q+1)·F_k(w)^(q+1),    with the gradient  Σ p_k·F_k^q·∇F_k        (equation 3; p_k = n_k/n)

q = 0 is FedAvg's objective. q → ∞ is that of agnostic FedAvg (Mohri et al. 2019), which minimizes the largest loss.

`q_fed_avg_update` is q-FedAvg (Algorithm 2), for a server that applies the mean update as it is:

    Δ_k = L·(w − w_k),    w ← w − Σ F_k^q·Δ_k / Σ h_k,    h_k = q·F_k^(q−1)·‖Δ_k‖² + L·F_k^q

F_k is the client's loss at w, the weights that it received, and L is one over the local learning rate. Here each tensor
t moves at a rate η_t of its own. Such steps are plain SGD at the rate 1 on the rescaled weights w_t/√η_t, so L = 1 and
Δ_k,t = (w_t − w_k,t)/√η_t there. In the weights themselves, Algorithm 2 becomes

    w ← w − Σ F_k^q·(w − w_k) / Σ h_k,    h_k = q·F_k^(q−1)·Σ_t ‖w_t − w_k,t‖²/η_t + F_k^q

With one rate for all tensors this is the paper's step, numerator and denominator divided by L. 1/h_k is again a step
size that is safe for F^(q+1)/(q+1) (the paper's Lemma 3), because ∇²F ⪯ diag(1/η) implies
q·F^(q−1)·∇F·∇Fᵀ + F^q·∇²F ⪯ h_k·diag(1/η). A tensor at the rate 0 does not move and adds nothing.

It is written as a weighted mean, so that each of TFF's aggregators can compute it: the weight is h_k, the update
F_k^q·(w − w_k) / h_k. With q = 0 all clients count alike.

`q_ffl_weight` has only the weights n_k·F_k^q of the gradient, for a server with an optimizer of its own: the Lipschitz
normalization Σ h_k sets nothing but the length of the step, which FedAdam sets by itself.

A compressed mean quantizes each tensor of an update uniformly between its smallest and its largest number, with random
rounding, so that the mean is right in expectation (Suresh et al. 2017, arXiv:1611.00429, section 2). TFF's own
`compression_aggregator` does not compress tensors of 20,000 numbers or fewer, so it compresses nothing of an adapter.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

LEAST_LOSS = 1e-6
"""ε in nats, so that a client without any loss still has a weight."""
BITS = 8
"""Bits of each number of a compressed update."""
AT_LEAST = 16
"""Tensors with more numbers are quantized. The two float32 bounds of a tensor are as large as 8 quantized numbers."""
FIRST_CLIPPING_NORM = 1.0
"""TFF's first clipping norm, for rounds in which no norm was measured before."""
CLIPPED_ABOVE = 0.8
"""The quantile of the clients' norms that the clipping norm follows: TFF's default."""
_NORM_EDGES = (2.0 ** (np.arange(-40, 41) / 4)).astype(np.float32)
"""Edges of the bins of norms, four in each factor of 2."""


def q_fed_avg_update(update: Any, loss: tf.Tensor, rates: Any, q: float) -> tuple[Any, tf.Tensor]:
    """Returns a client's update and weight for the mean.

    Args:
        update: w − w_k, a structure of tensors.
        loss: F_k in nats at w, a scalar.
        rates: η_t, the rate of the local steps of each tensor, scalars in the structure of `update`; 0 = the tensor
            does not move.
        q: 0 = the plain mean over clients; larger values even out the clients' losses.
    """
    loss = tf.maximum(loss, LEAST_LOSS)
    moved = zip(tf.nest.flatten(update), tf.nest.flatten(rates), strict=True)
    norm = tf.add_n([tf.math.divide_no_nan(tf.reduce_sum(tf.square(part)), rate) for part, rate in moved])
    weight = q * loss ** (q - 1.0) * norm + loss**q
    share = loss**q / weight
    return tf.nest.map_structure(lambda part: share * part, update), weight


def q_ffl_weight(examples: tf.Tensor, loss: tf.Tensor, q: float) -> tf.Tensor:
    """Returns a client's weight in the mean of the updates, n_k·(F_k + ε)^q.

    Args:
        examples: n_k, a scalar; a client without examples has weight 0, whatever its loss.
        loss: F_k in nats at the weights at the start of the round, a scalar.
        q: 0 = by examples alone; larger values even out the clients' losses.
    """
    return tf.math.multiply_no_nan((loss + LEAST_LOSS) ** q, examples)


def norm_histogram(update: Any, weight: tf.Tensor) -> tf.Tensor:
    """Returns a one-hot vector for the bin of an update's L2 norm, `[bins]`; zeros for a client without weight.

    The sum over the clients is all that a server needs to know of their norms: see `norm_quantile`.
    """
    norm = tf.linalg.global_norm(tf.nest.flatten(update))
    index = tf.reduce_sum(tf.cast(norm > _NORM_EDGES, tf.int32))
    return tf.where(weight > 0, tf.one_hot(index, len(_NORM_EDGES) + 1), 0.0)


def norm_quantile(histogram: np.ndarray) -> float:
    """Returns the norm that a share `CLIPPED_ABOVE` of the clients do not exceed, from their summed histogram.

    It is the upper edge of a bin, so it is up to 19 % too large, within the edges' range of 0.001 to 1024. Without
    clients it is `FIRST_CLIPPING_NORM`.
    """
    clients = histogram.sum()
    if clients == 0:
        return FIRST_CLIPPING_NORM
    reached = np.cumsum(histogram) >= CLIPPED_ABOVE * clients - 1e-3
    return float(_NORM_EDGES[min(int(np.argmax(reached)), len(_NORM_EDGES) - 1)])


def robust_mean(
    *, clipping_norm: float = FIRST_CLIPPING_NORM, compressed: bool = False
) -> tff.aggregators.WeightedAggregationFactory:
    """Returns a weighted mean with adaptive zeroing and clipping of updates (Andrew et al. 2021, arXiv:1905.03871).

    It is `tff.learning.robust_aggregator` with another first clipping norm. The norm then follows the quantile
    `CLIPPED_ABOVE` of the clients' norms, and grows by at most 17 % a round.

    Args:
        clipping_norm: The clipping norm of the first round.
        compressed: Whether updates are sent with `BITS` bits a number.
    """
    quantile = tff.aggregators.PrivateQuantileEstimationProcess.no_noise
    clipping = quantile(initial_estimate=clipping_norm, target_quantile=CLIPPED_ABOVE, learning_rate=0.2)
    zeroing = quantile(
        initial_estimate=10.0, target_quantile=0.98, learning_rate=math.log(10.0), multiplier=2.0, increment=1.0
    )
    quantized = tff.aggregators.EncodedSumFactory.quantize_above_threshold(quantization_bits=BITS, threshold=AT_LEAST)
    mean = tff.aggregators.MeanFactory(quantized) if compressed else tff.aggregators.MeanFactory()
    return tff.aggregators.zeroing_factory(zeroing, tff.aggregators.clipping_factory(clipping, mean))
