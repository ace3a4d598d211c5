"""The training of the shared model as one TFF learning process: FedAvg with an optimizer on the server.

Clients run local SGD (McMahan et al. 2017). The server runs Adam (FedAdam: Reddi et al. 2020, Algorithm 2) or SGD with
momentum (FedAvgM: Hsu et al. 2019, arXiv:1909.06335). TFF's robust aggregator zeroes and clips outlying updates (Andrew
et al. 2021). The weight of a client in the average is its number of targets, up to a cap. With `fairness_q`, clients
with a high loss get more weight (`federated.aggregation`). A private training has the mean of
`federated.privacy.noisy_mean` instead, in which all clients count alike.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated.aggregation import q_ffl_weight, robust_mean
from federated.job import TrainingConfig
from federated.local_training import full_model
from federated.local_training.batch_loop import gathered
from federated.runtime.tff_types import batch_type, model_weights, weights_type
from keyboard_model.model.cifg_lstm import Parameters

LocalUpdate = Callable[[Any, Any], collections.OrderedDict]
"""`(weights, data) -> {result, measured}`: a `ClientResult`; the sums `loss_sum`, `targets` and `broken_clients`."""


def build(
    initial: Parameters,
    config: TrainingConfig,
    bos: int,
    aggregator: tff.aggregators.WeightedAggregationFactory | None = None,
) -> tff.learning.templates.LearningProcess:
    """Returns the learning process: `initialize()`, `next(state, client_data)`, `get_model_weights(state)`.

    Args:
        initial: The first weights.
        config: The rounds.
        bos: The piece that begins a message.
        aggregator: Makes one update from those of the clients; None = the robust mean.
    """
    data = batch_type(config.batch, config.window)
    return compose(initial, config, data, local_update(config, bos), aggregator or robust_mean())


def compose(
    initial: Parameters,
    config: TrainingConfig,
    data: tff.Type,
    local: LocalUpdate,
    aggregator: tff.aggregators.WeightedAggregationFactory,
) -> tff.learning.templates.LearningProcess:
    """Returns the learning process of any clients and any aggregator, with the server's optimizer.

    Args:
        initial: The first weights.
        config: The server's settings.
        data: The type of a client's data.
        local: What a client does.
        aggregator: Makes one update from those of the clients.
    """
    kind = weights_type(initial)

    @tff.tensorflow.computation
    def initial_weights() -> tff.learning.models.ModelWeights:
        return model_weights(Parameters(*(tf.constant(part) for part in initial)))

    if config.server_optimizer == "adam":
        optimizer = tff.learning.optimizers.build_adam(
            config.server_learning_rate, beta_1=0.9, beta_2=0.99, epsilon=config.server_epsilon
        )
    else:
        optimizer = tff.learning.optimizers.build_sgdm(config.server_learning_rate, config.server_momentum)
    return tff.learning.templates.compose_learning_process(
        initial_weights,
        tff.learning.templates.build_broadcast_process(kind),
        _client_work(kind, data, local),
        aggregator.create(kind.trainable, tff.TensorType(np.float32)),
        tff.learning.templates.build_apply_optimizer_finalizer(optimizer, kind),
    )


def local_update(config: TrainingConfig, bos: int) -> LocalUpdate:
    """Returns what an honest client does with its batches: local SGD, and its weight in the average."""

    def local(weights: tff.learning.models.ModelWeights, data: tf.data.Dataset) -> collections.OrderedDict:
        shared, batches = Parameters(*weights.trainable), gathered(data)
        result = full_model.client_update(shared, batches, config, bos)
        weight = result.weight
        if config.fairness_q > 0:
            loss = full_model.mean_loss(shared, batches, bos)
            weight = q_ffl_weight(weight, loss, config.fairness_q)
        return collections.OrderedDict(
            result=tff.learning.templates.ClientResult(result.update, weight),
            measured=collections.OrderedDict(
                loss_sum=result.loss_sum, targets=result.targets, broken_clients=result.broken
            ),
        )

    return local


def _client_work(kind: tff.Type, data: tff.Type, local: LocalUpdate) -> tff.learning.templates.ClientWorkProcess:
    computation = tff.tensorflow.computation(local, (kind, data))

    @tff.federated_computation
    def init_fn() -> object:
        return tff.federated_value((), tff.SERVER)

    @tff.federated_computation(
        init_fn.type_signature.result, tff.FederatedType(kind, tff.CLIENTS), tff.FederatedType(data, tff.CLIENTS)
    )
    def next_fn(state: object, weights: object, batches: object) -> tff.templates.MeasuredProcessOutput:
        output = tff.federated_map(computation, (weights, batches))
        return tff.templates.MeasuredProcessOutput(state, output.result, tff.federated_sum(output.measured))

    return tff.learning.templates.ClientWorkProcess(init_fn, next_fn)
