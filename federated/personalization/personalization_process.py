"""One round of a personalization method as a TFF computation: clients' states go in with their data and come out.

    next(state@SERVER, base@SERVER, clients@CLIENTS, batches@CLIENTS)
      -> state@SERVER, clients@CLIENTS, measured@SERVER

A client whose update or state is not finite counts for nothing and keeps the state that it came with.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated.aggregation import q_fed_avg_update, robust_mean
from federated.personalization.method import Method, MethodContext, SharedModel, Structure
from federated.runtime.tff_types import batch_type, type_of
from keyboard_model.batching.windows import Batch


@dataclass(frozen=True)
class PersonalizationProcess:
    """A method's rounds. `initialize()` gives the state; `next` is the TFF computation of the module's docstring.

    `server(state)` is what the server holds, in the method's own structure.
    """

    initialize: Callable[[], Any]
    next: Callable[..., Any]
    server: Callable[[Any], Structure]


def build(method: Method, base: SharedModel, context: MethodContext) -> PersonalizationProcess:
    """Returns a method's process; the method must have rounds (`Method.local`)."""
    if method.local is None:
        raise ValueError(f"{method.name} has no rounds of its own")
    work = method.local
    config = context.config.federated
    initial = method.server(base, context)
    base_type, server_type = type_of(base), type_of(initial)
    client_type = type_of(method.client(initial, context))
    data = batch_type(context.config.batch, context.config.window)

    @tff.tensorflow.computation(base_type, server_type, client_type, data)
    def local(base: Any, server: Any, client: Any, batches: tf.data.Dataset) -> collections.OrderedDict:
        made = work(SharedModel.from_tff(base), server, client, batches.map(Batch), context)
        finite = tf.reduce_all(
            [tf.reduce_all(tf.math.is_finite(part)) for part in tf.nest.flatten((made.update, made.client))]
        )
        update, weight = made.update, made.weight
        if config.fairness_q > 0:
            loss = tf.math.divide_no_nan(made.loss_sum, made.targets)
            update, weight = q_fed_avg_update(update, loss, context.config.learning_rate, config.fairness_q)

        def kept(value: tf.Tensor, otherwise: tf.Tensor) -> tf.Tensor:
            return tf.where(finite, value, otherwise)

        return collections.OrderedDict(
            update=tf.nest.map_structure(lambda part: kept(part, tf.zeros_like(part)), update),
            weight=kept(weight, tf.zeros_like(weight)),
            counts=tf.nest.map_structure(lambda part: kept(weight * part, tf.zeros_like(part)), made.counts),
            client=tf.nest.map_structure(kept, made.client, client),
            measured=collections.OrderedDict(
                loss_sum=kept(made.loss_sum, 0.0),
                targets=kept(made.targets, 0.0),
                broken_clients=1.0 - tf.cast(finite, tf.float32),
            ),
        )

    update_type, counts_type = (local.type_signature.result[name] for name in ("update", "counts"))
    has_counts = tff.types.contains(counts_type, lambda part: isinstance(part, tff.TensorType))
    aggregation = robust_mean(compressed=config.compressed).create(update_type, tff.TensorType(np.float32))

    @tff.tensorflow.computation(server_type, (update_type, counts_type) if has_counts else update_type)
    def moved(server: Any, mean: Any) -> Any:
        # 0 / 0 where no client had any weight: nobody moves nothing.
        known = tf.nest.map_structure(lambda part: tf.where(tf.math.is_finite(part), part, 0.0), mean)
        return method.aggregate(server, known, context)

    @tff.tensorflow.computation
    def start() -> Any:
        return tf.nest.map_structure(tf.constant, initial)

    @tff.federated_computation
    def initialize() -> Any:
        parts = collections.OrderedDict(
            server=tff.federated_eval(start, tff.SERVER), aggregation=aggregation.initialize()
        )
        return tff.federated_zip(parts)

    state_type = initialize.type_signature.result

    @tff.federated_computation(
        state_type,
        tff.FederatedType(base_type, tff.SERVER),
        tff.FederatedType(client_type, tff.CLIENTS),
        tff.FederatedType(data, tff.CLIENTS),
    )
    def next_round(state: Any, base: Any, clients: Any, batches: Any) -> Any:
        made = tff.federated_map(
            local, (tff.federated_broadcast(base), tff.federated_broadcast(state.server), clients, batches)
        )
        mean = aggregation.next(state.aggregation, made.update, made.weight)
        received = mean.result
        if has_counts:
            received = tff.federated_zip((received, tff.federated_sum(made.counts)))
        server = tff.federated_map(moved, (state.server, received))
        new = tff.federated_zip(collections.OrderedDict(server=server, aggregation=mean.state))
        return new, made.client, tff.federated_sum(made.measured)

    return PersonalizationProcess(
        initialize, next_round, lambda state: tf.nest.map_structure(np.asarray, state["server"])
    )
