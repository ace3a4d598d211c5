"""Ditto: a shared adapter, and a personal one of each client that is pulled to it and kept between rounds.

    min_v  L_k(v) + λ/2·‖v − w*‖²,    w* the shared adapter of FedAvg

Li et al. 2021 (arXiv:2012.04221), Algorithm 1 and equation 2. In its round a client trains the shared adapter w on its
batches and sends the difference, and takes proximal steps on its own adapter v, which it keeps. λ is `proximal`: 0 is
local fine-tuning, λ → ∞ the shared adapter.

`mean_regularized_mtl` and `pfedme` use the same server, client and phone; only their rounds differ.
"""

from __future__ import annotations

import tensorflow as tf

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.local_training import adapter_sgd
from federated.personalization.method import (
    ClientText,
    ClientUpdate,
    DeviceArtifact,
    FairnessTerms,
    Method,
    MethodContext,
    PersonalModel,
    Range,
    SharedModel,
)
from keyboard_model.batching import Batch
from keyboard_model.model.adapter import AdapterTensors


def server(shared: SharedModel, context: MethodContext) -> AdapterTensors:
    """Returns the shared adapter before the first round: it changes nothing."""
    return shared.adapter


def client(server: AdapterTensors, context: MethodContext) -> AdapterTensors:
    """Returns a client's own adapter before its first round: the shared one."""
    return server


def local(
    shared: SharedModel,
    server: AdapterTensors,
    client: AdapterTensors,
    batches: Batch,
    context: MethodContext,
) -> ClientUpdate:
    """Trains w with plain local SGD, and v with proximal steps towards the w that was received."""
    rates = adapter_sgd.step_sizes(context.config)
    plain = rates._replace(proximal=tf.constant(0.0))
    read = adapter_sgd.read(shared.parameters, batches, context.bos)
    trained = adapter_sgd.steps(shared.parameters, server, server, read, plain)
    own = adapter_sgd.steps(shared.parameters, client, server, read, rates)
    return ClientUpdate(
        adapter_sgd.subtract(server, trained.adapter),
        trained.targets,
        own.adapter,
        own.loss_sum,
        own.targets,
        fairness=FairnessTerms.of_adapter(shared, server, read, adapter_sgd.tensor_rates(plain)),
    )


def personalize(
    shared: SharedModel, server: AdapterTensors, client: AdapterTensors, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Takes K steps from the client's own adapter, each pulled to the shared one by `proximal`."""
    read = adapter_sgd.read(shared.parameters, text.training, context.bos)
    adapter = adapter_sgd.personal_steps(shared.parameters, client, server, read, context.config)
    return PersonalModel(shared.parameters, adapter)


def phone(shared: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    """Returns the shared adapter as the start: a new phone has no adapter of its own."""
    return DeviceArtifact(shared.parameters, (server,), "steps")


METHOD = Method(
    name="ditto",
    title="Ditto",
    paper="Li et al. 2021, arXiv:2012.04221, Algorithm 1",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    server=server,
    client=client,
    space={**FINE_TUNING_SEARCH_SPACE, "proximal": Range(1e-3, 10.0, log=True)},
)
