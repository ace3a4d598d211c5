"""Aggregators of clients' updates that bound what a poisoned client can do, beside that of the training.

TFF has zeroing and clipping, but no median and no trimmed mean: a sum over clients, which is all that secure
aggregation gives a server, has no median. Two stand in for them.

- The geometric median needs sums alone, several in one round (Pillutla, Kakade and Harchaoui 2022, "Robust Aggregation
  for Federated Learning", IEEE Trans. Signal Process. 70, Algorithm 2: the smoothed Weiszfeld algorithm).
- The coordinate-wise median (Yin et al. 2018, arXiv:1803.01498, Algorithm 1) needs every update on the server. TFF's
  reservoir sample collects them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_federated as tff

from federated.aggregation import robust_mean

WEISZFELD_STEPS = 3
NEAREST = 1e-5
"""ν, the least distance in the weight of an update."""


class GeometricMedian(tff.aggregators.WeightedAggregationFactory):
    """The weighted geometric median of the updates, by `WEISZFELD_STEPS` weighted means from the start 0."""

    def create(self, value_type: Any, weight_type: Any) -> tff.templates.AggregationProcess:
        @tff.tensorflow.computation(value_type, weight_type, value_type)
        def weight_at(update: Any, weight: Any, center: Any) -> Any:
            parts = zip(tf.nest.flatten(update), tf.nest.flatten(center), strict=True)
            distance = tf.linalg.global_norm([part - middle for part, middle in parts])
            return weight / tf.maximum(distance, NEAREST)

        @tff.tensorflow.computation
        def zeros() -> Any:
            return tuple(tf.zeros(part.shape, part.dtype) for part in value_type)

        @tff.federated_computation(
            tff.FederatedType((), tff.SERVER),
            tff.FederatedType(value_type, tff.CLIENTS),
            tff.FederatedType(weight_type, tff.CLIENTS),
        )
        def next_fn(state: Any, updates: Any, weights: Any) -> Any:
            center = tff.federated_eval(zeros, tff.SERVER)
            for _ in range(WEISZFELD_STEPS):
                nearness = tff.federated_map(weight_at, (updates, weights, tff.federated_broadcast(center)))
                center = tff.federated_mean(updates, nearness)
            return tff.templates.MeasuredProcessOutput(state, center, tff.federated_value((), tff.SERVER))

        return tff.templates.AggregationProcess(_no_state(), next_fn)


class CoordinateMedian(tff.aggregators.WeightedAggregationFactory):
    """The median of each number of the update; the weights of clients do not count.

    Attributes:
        clients: Most clients in a round.
    """

    def __init__(self, clients: int) -> None:
        self.clients = clients

    def create(self, value_type: Any, weight_type: Any) -> tff.templates.AggregationProcess:
        collect = tff.aggregators.UnweightedReservoirSamplingFactory(self.clients).create(value_type)

        @tff.tensorflow.computation(collect.next.type_signature.result.result.member)
        def median(collected: Any) -> Any:
            return tuple(_median(part) for part in collected)

        @tff.federated_computation(
            collect.initialize.type_signature.result,
            tff.FederatedType(value_type, tff.CLIENTS),
            tff.FederatedType(weight_type, tff.CLIENTS),
        )
        def next_fn(state: Any, updates: Any, weights: Any) -> Any:
            collected = collect.next(state, updates)
            middle = tff.federated_map(median, collected.result)
            return tff.templates.MeasuredProcessOutput(collected.state, middle, collected.measurements)

        return tff.templates.AggregationProcess(collect.initialize, next_fn)


def aggregators(clients: int) -> Mapping[str, tff.aggregators.WeightedAggregationFactory]:
    """Returns each aggregator by its name in the tables; `clients`: most clients in a round."""
    return {
        "mean": tff.aggregators.MeanFactory(),
        "zeroing, clipping": robust_mean(),
        "geometric median": GeometricMedian(),
        "median of each number": CoordinateMedian(clients),
    }


def _median(values: tf.Tensor) -> tf.Tensor:
    """Returns the median over the first axis of `[n, ...]`."""
    ordered, number = tf.sort(values, axis=0), tf.shape(values)[0]
    return (ordered[(number - 1) // 2] + ordered[number // 2]) / 2


def _no_state() -> Any:
    @tff.federated_computation
    def initialize() -> Any:
        return tff.federated_value((), tff.SERVER)

    return initialize
