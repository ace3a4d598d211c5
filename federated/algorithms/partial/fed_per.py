"""FedPer: shared layers learnt by all, and personal layers on top that never leave the client.

    (w, v_k) ← (w, v_k) − η·∇L_k(w, v_k)    on the client, a batch a step
    w ← w − rate·(mean of w − w_k)           on the server

Arivazhagan et al. 2019 (arXiv:1912.00818), Algorithms 1 and 2. w are all the parameters of the shared
model, trained on from where the base stands; v_k is the client's adapter, which it keeps between rounds.
The two gradients are clipped apart, so that without personal layers (`learning_rate` = `bias_rate` = 0) this
is FedAvg. With `base_learning_rate` 0 the shared layers stay, and every client trains its adapter alone.
`fed_recon` is the form without state.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.job import NotNegative
from federated.local_training import adapter_sgd, base_sgd
from federated.personalization.method import (
    Choice,
    ClientText,
    ClientUpdate,
    DeviceArtifact,
    Method,
    MethodContext,
    Options,
    PersonalModel,
    Range,
    SharedModel,
)
from keyboard_model.batching.windows import Batch
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters


class SharedLayersOptions(Options):
    """base_learning_rate: of the shared layers' local steps; 0 leaves the shared layers as they are."""

    base_learning_rate: NotNegative = 0.1


SHARED_LAYERS_SPACE: dict[str, Choice | Range] = {
    **FINE_TUNING_SEARCH_SPACE,
    "proximal": Range(1e-4, 1.0, log=True),
    "options.base_learning_rate": Range(0.01, 1.0, log=True),
    "federated.server_learning_rate": Choice((0.3, 1.0)),
}
"""Where both forms look for their settings."""


class _Round(NamedTuple):
    """Where a client is in its round."""

    parameters: Parameters
    adapter: AdapterTensors
    loss_sum: tf.Tensor
    targets: tf.Tensor


def server(base: SharedModel, context: MethodContext) -> SharedModel:
    """The shared layers, and what personal layers start from, which stays as it is."""
    return base


def client(server: SharedModel, context: MethodContext) -> AdapterTensors:
    """A client's personal layers, at first ones that change nothing."""
    return server.adapter


def local(
    base: SharedModel, server: SharedModel, client: AdapterTensors, batches: tf.data.Dataset, context: MethodContext
) -> ClientUpdate:
    """One SGD step of both a batch; what is sent is the shared layers' part."""
    rates = adapter_sgd.step_sizes(context.config)
    eta = (rates.learning_rate, rates.learning_rate, rates.bias_rate)
    clip, base_rate = context.config.clip, context.options.base_learning_rate

    def step(state: _Round, batch: Batch) -> _Round:
        slope = base_sgd.gradient(state.parameters, state.adapter, batch, context.bos)
        return _Round(
            base_sgd.base_step(state.parameters, slope, base_rate, clip),
            base_sgd.sgd_step(state.adapter, slope.adapter, eta, clip),
            state.loss_sum + slope.loss_sum,
            state.targets + slope.targets,
        )

    shared = SharedModel.from_tff(server).parameters
    end = batches.reduce(_Round(shared, AdapterTensors(*client), tf.constant(0.0), tf.constant(0.0)), step)
    return ClientUpdate(base_sgd.subtract(shared, end.parameters), end.targets, end.adapter, end.loss_sum, end.targets)


def aggregate(server: SharedModel, mean: Any, context: MethodContext) -> SharedModel:
    """The shared layers move; the personal layers' start does not."""
    rate = context.config.federated.server_learning_rate
    shared, start = SharedModel.from_tff(server)
    return SharedModel(Parameters(*(value - rate * step for value, step in zip(shared, mean, strict=True))), start)


def personalize(
    base: SharedModel, server: SharedModel, client: AdapterTensors, text: ClientText, context: MethodContext
) -> PersonalModel:
    """K steps on the client's personal layers, pulled to what all of them start from; the shared layers stay."""
    shared, start = SharedModel.from_tff(server)
    adapter = adapter_sgd.personal_steps(
        shared, AdapterTensors(*client), start, text.training, context.config, context.bos
    )
    return PersonalModel(shared, adapter)


def phone(base: SharedModel, server: SharedModel, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(server.parameters, (server.adapter,), "steps")


METHOD = Method(
    name="fed_per",
    title="FedPer",
    paper="Arivazhagan et al. 2019, arXiv:1912.00818, Algorithms 1 and 2",
    personalize=personalize,
    phone=phone,
    local=local,
    server=server,
    client=client,
    aggregate=aggregate,
    options=SharedLayersOptions,
    space=SHARED_LAYERS_SPACE,
)
