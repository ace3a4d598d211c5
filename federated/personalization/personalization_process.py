"""One round of a personalization method as a TFF computation, with the clients' states as arguments and results.

    next(state@SERVER, shared@SERVER, clients@CLIENTS, batches@CLIENTS)
      -> state@SERVER, clients@CLIENTS, metrics@SERVER
    measure(state@SERVER, shared@SERVER, clients@CLIENTS, batches@CLIENTS) -> histogram@SERVER

The metrics are the sums of `loss_sum` (nats), `targets` and `broken_clients`. A client whose update or new state is not
finite has no effect on the server and keeps its old state.

Updates of adapters are many times longer than TFF's first clipping norm, and a method has too few rounds for it to grow
to their length. `measure` therefore trains a cohort without any effect and counts the norms of its updates, in bins.
Their quantile is the clipping norm that the first round begins with (`federated.aggregation.norm_quantile`).
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated.aggregation import FIRST_CLIPPING_NORM, norm_histogram, q_fed_avg_update, robust_mean
from federated.local_training.batch_loop import gathered
from federated.personalization.method import Method, MethodContext, SharedModel, Structure
from federated.runtime.tff_types import batch_type, type_of


@dataclass(frozen=True)
class PersonalizationProcess:
    """A method's rounds.

    `initialize(clipping_norm)` returns the initial state, by default with `FIRST_CLIPPING_NORM`. `next` and `measure`
    are the TFF computations of the module's docstring, and `server(state)` is the server's state in the method's own
    structure, as NumPy arrays.
    """

    initialize: Callable[..., Any]
    next: Callable[..., Any]
    measure: Callable[..., Any]
    server: Callable[[Any], Structure]


def build(
    method: Method,
    shared: SharedModel,
    context: MethodContext,
    aggregator: tff.aggregators.WeightedAggregationFactory | None = None,
) -> PersonalizationProcess:
    """Returns a method's process.

    Args:
        shared: Also gives the types.
        aggregator: Makes one update from those of the clients; None = the robust mean.

    Raises:
        ValueError: the method has no rounds (`Method.local`), its clients send counts although `Method.sends_counts`
            says otherwise, or they send counts that the aggregator does not cover.
    """
    if method.local is None:
        raise ValueError(f"{method.name} has no rounds of its own")
    client_round = method.local
    config = context.config.federated
    initial = method.server(shared, context)
    shared_type, server_type = type_of(shared), type_of(initial)
    client_type = type_of(method.client(initial, context))
    data = batch_type(context.config.batch, context.config.window)

    @tff.tensorflow.computation(shared_type, server_type, client_type, data)
    def local(shared: Any, server: Any, client: Any, batches: tf.data.Dataset) -> collections.OrderedDict:
        result = client_round(SharedModel.from_tff(shared), server, client, gathered(batches), context)
        finite = tf.reduce_all(
            [tf.reduce_all(tf.math.is_finite(part)) for part in tf.nest.flatten((result.update, result.client))]
        )
        update, weight = result.update, result.weight
        if config.fairness_q > 0:
            assert result.fairness is not None, f"{method.name} is `fair`"
            received = result.fairness
            update, fair_weight = q_fed_avg_update(update, received.loss(), received.rates, config.fairness_q)
            weight = tf.where(weight > 0, fair_weight, 0.0)

        def if_finite(value: tf.Tensor, otherwise: tf.Tensor) -> tf.Tensor:
            return tf.where(finite, value, otherwise)

        return collections.OrderedDict(
            update=tf.nest.map_structure(lambda part: if_finite(part, tf.zeros_like(part)), update),
            weight=if_finite(weight, tf.zeros_like(weight)),
            counts=tf.nest.map_structure(lambda part: if_finite(weight * part, tf.zeros_like(part)), result.counts),
            client=tf.nest.map_structure(if_finite, result.client, client),
            metrics=collections.OrderedDict(
                loss_sum=if_finite(result.loss_sum, 0.0),
                targets=if_finite(result.targets, 0.0),
                broken_clients=1.0 - tf.cast(finite, tf.float32),
            ),
        )

    update_type, counts_type = (local.type_signature.result[name] for name in ("update", "counts"))
    has_counts = tff.types.contains(counts_type, lambda part: isinstance(part, tff.TensorType))

    if has_counts != method.sends_counts or (has_counts and aggregator is not None):
        raise ValueError(f"the clients of {method.name} {'send' if has_counts else 'do not send'} counts")

    def aggregation_from(clipping_norm: float) -> tff.templates.AggregationProcess:
        if aggregator is not None:
            return aggregator.create(update_type, tff.TensorType(np.float32))
        mean = robust_mean(clipping_norm=clipping_norm, compressed=config.compressed)
        return mean.create(update_type, tff.TensorType(np.float32))

    aggregation = aggregation_from(FIRST_CLIPPING_NORM)

    @tff.tensorflow.computation(server_type, (update_type, counts_type) if has_counts else update_type)
    def aggregate(server: Any, mean: Any) -> Any:
        # The mean is 0 / 0 if all weights are 0. Then the server does not move.
        finite = tf.nest.map_structure(lambda part: tf.where(tf.math.is_finite(part), part, 0.0), mean)
        return method.aggregate(server, finite, context)

    @tff.tensorflow.computation
    def start() -> Any:
        return tf.nest.map_structure(tf.constant, initial)

    def initial_state(process: tff.templates.AggregationProcess) -> tff.Computation:
        @tff.federated_computation
        def initialize() -> Any:
            parts = collections.OrderedDict(
                server=tff.federated_eval(start, tff.SERVER), aggregation=process.initialize()
            )
            return tff.federated_zip(parts)

        return initialize

    unmeasured = initial_state(aggregation)

    def initialize_process(clipping_norm: float | None = None) -> Any:
        return (unmeasured if clipping_norm is None else initial_state(aggregation_from(clipping_norm)))()

    arguments = (
        unmeasured.type_signature.result,
        tff.FederatedType(shared_type, tff.SERVER),
        tff.FederatedType(client_type, tff.CLIENTS),
        tff.FederatedType(data, tff.CLIENTS),
    )

    def train_clients(state: Any, shared: Any, clients: Any, batches: Any) -> Any:
        return tff.federated_map(
            local, (tff.federated_broadcast(shared), tff.federated_broadcast(state.server), clients, batches)
        )

    @tff.federated_computation(*arguments)
    def next_round(state: Any, shared: Any, clients: Any, batches: Any) -> Any:
        results = train_clients(state, shared, clients, batches)
        mean = aggregation.next(state.aggregation, results.update, results.weight)
        received = mean.result
        if has_counts:
            received = tff.federated_zip((received, tff.federated_sum(results.counts)))
        server = tff.federated_map(aggregate, (state.server, received))
        new = tff.federated_zip(collections.OrderedDict(server=server, aggregation=mean.state))
        return new, results.client, tff.federated_sum(results.metrics)

    histogram = tff.tensorflow.computation(norm_histogram, (update_type, tff.TensorType(np.float32)))

    @tff.federated_computation(*arguments)
    def measure(state: Any, shared: Any, clients: Any, batches: Any) -> Any:
        results = train_clients(state, shared, clients, batches)
        return tff.federated_sum(tff.federated_map(histogram, (results.update, results.weight)))

    return PersonalizationProcess(
        initialize_process,
        next_round,
        measure,
        lambda state: tf.nest.map_structure(np.asarray, state["server"]),
    )
