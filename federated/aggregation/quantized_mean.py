"""A robust weighted mean whose updates travel in 8 bits a number.

Each tensor of an update is quantized uniformly between its least and its greatest number, rounded at random so that
the mean is right in expectation (Suresh et al. 2017, arXiv:1611.00429, section 2). TFF's own `compression_aggregator`
leaves every tensor of 20,000 numbers or fewer as it is, and so all of an adapter. Zeroing and clipping before it are
as there, and as in the robust mean that is not compressed.
"""

from __future__ import annotations

import math

import tensorflow_federated as tff

BITS = 8
AT_LEAST = 16
"""A tensor of more numbers is quantized; its two bounds, in float32, weigh as much as eight numbers of 8 bits."""


def quantized_mean() -> tff.aggregators.WeightedAggregationFactory:
    """Returns the aggregation, weighted, with TFF's adaptive zeroing and clipping at their default rates."""
    quantile = tff.aggregators.PrivateQuantileEstimationProcess.no_noise
    norm = quantile(initial_estimate=1.0, target_quantile=0.8, learning_rate=0.2)
    absurd = quantile(
        initial_estimate=10.0, target_quantile=0.98, learning_rate=math.log(10.0), multiplier=2.0, increment=1.0
    )
    quantized = tff.aggregators.EncodedSumFactory.quantize_above_threshold(quantization_bits=BITS, threshold=AT_LEAST)
    mean = tff.aggregators.MeanFactory(quantized)
    return tff.aggregators.zeroing_factory(absurd, tff.aggregators.clipping_factory(norm, mean))
