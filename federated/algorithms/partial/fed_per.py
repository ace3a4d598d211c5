"""FedPer: shared layers that all clients train, and personal layers that never leave the client.

    (w, v_k) ← (w, v_k) − η·∇L_k(w, v_k)    on the client, one step for each batch
    w ← w − rate·(mean of w − w_k)           on the server

Arivazhagan et al. 2019 (arXiv:1912.00818), Algorithms 1 and 2. w is the whole shared model, which is trained further.
v_k is the client's adapter, which it keeps between rounds. The two gradients are clipped separately. Without personal
layers (`learning_rate` = `bias_rate` = 0) this is therefore FedAvg. If `base_learning_rate` is 0, the shared layers
stay as they are and every client trains its adapter alone. `fed_recon` is the stateless form.
Steps of the shared layers drop as many features as the training of the shared model did (`[training] dropout`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.local_training import adapter_sgd, shared_layers_sgd
from federated.local_training.batch_loop import fold
from federated.personalization.method import (
    Choice,
    ClientText,
    ClientUpdate,
    DeviceArtifact,
    FairnessTerms,
    Method,
    MethodContext,
    Options,
    PersonalModel,
    Range,
    SharedModel,
)
from federated.settings import NotNegative
from keyboard_model.batching import Batch
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters


class SharedLayersOptions(Options):
    """base_learning_rate: of the shared layers' local steps; 0 = the shared layers stay as they are."""

    base_learning_rate: NotNegative = 0.1


SHARED_LAYERS_SPACE: dict[str, Choice | Range] = {
    **FINE_TUNING_SEARCH_SPACE,
    "proximal": Range(1e-4, 1.0, log=True),
    "options.base_learning_rate": Range(0.01, 1.0, log=True),
    "federated.server_learning_rate": Choice((0.3, 1.0)),
}
"""The search space of every method that trains the shared layers."""


class _Round(NamedTuple):
    """A client's state within its round."""

    parameters: Parameters
    adapter: AdapterTensors
    loss_sum: tf.Tensor
    targets: tf.Tensor


def server(shared: SharedModel, context: MethodContext) -> SharedModel:
    """Returns the shared layers, and the initial personal layers, which the rounds do not change."""
    return shared


def client(server: SharedModel, context: MethodContext) -> AdapterTensors:
    """Returns a client's personal layers before its first round."""
    return server.adapter


def local(
    shared: SharedModel, server: SharedModel, client: AdapterTensors, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Takes one SGD step of both kinds of layers for each batch, and sends the change of the shared layers."""
    rates = adapter_sgd.step_sizes(context.config)
    eta = adapter_sgd.tensor_rates(rates)
    clip, shared_rate = context.config.clip, context.options.base_learning_rate

    def step(state: _Round, batch: Batch) -> _Round:
        gradients = shared_layers_sgd.gradient(
            state.parameters, state.adapter, batch, context.bos, dropout=context.dropout
        )
        return _Round(
            shared_layers_sgd.shared_step(state.parameters, gradients, shared_rate, clip),
            shared_layers_sgd.sgd_step(state.adapter, gradients.adapter, eta, clip),
            state.loss_sum + gradients.loss_sum,
            state.targets + gradients.targets,
        )

    received = SharedModel.from_tff(server).parameters
    end = fold(step, _Round(received, AdapterTensors(*client), tf.constant(0.0), tf.constant(0.0)), batches)
    update = shared_layers_sgd.subtract(received, end.parameters)
    fairness = shared_layers_fairness(received, AdapterTensors(*client), batches, context)
    return ClientUpdate(update, end.targets, end.adapter, end.loss_sum, end.targets, fairness=fairness)


def shared_layers_fairness(
    received: Parameters, own: AdapterTensors, batches: Batch, context: MethodContext
) -> FairnessTerms:
    """Returns what q-FedAvg needs of shared layers that are trained under a client's adapter."""
    return FairnessTerms(
        lambda: adapter_sgd.loss(received, own, adapter_sgd.read(received, batches, context.bos)),
        Parameters(*[tf.constant(context.options.base_learning_rate)] * len(received)),
    )


def aggregate(server: SharedModel, mean: Any, context: MethodContext) -> SharedModel:
    """Moves the shared layers; the initial personal layers stay as they are."""
    rate = context.config.federated.server_learning_rate
    parameters, start = SharedModel.from_tff(server)
    moved = (value - rate * step for value, step in zip(parameters, mean, strict=True))
    return SharedModel(Parameters(*moved), start)


def personalize(
    shared: SharedModel, server: SharedModel, client: AdapterTensors, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Takes K steps from the client's personal layers, each pulled to the initial ones."""
    parameters, start = SharedModel.from_tff(server)
    own = AdapterTensors(*client)
    read = adapter_sgd.read(parameters, text.training, context.bos)
    adapter = adapter_sgd.personal_steps(parameters, own, start, read, context.config)
    return PersonalModel(parameters, adapter)


def phone(shared: SharedModel, server: SharedModel, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(server.parameters, (server.adapter,), "steps")


METHOD = Method(
    name="fed_per",
    title="FedPer",
    paper="Arivazhagan et al. 2019, arXiv:1912.00818, Algorithms 1 and 2",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    server=server,
    client=client,
    aggregate=aggregate,
    options=SharedLayersOptions,
    space=SHARED_LAYERS_SPACE,
)
