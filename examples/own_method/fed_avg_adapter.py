"""A personalization method in a package of its own: federated averaging of the adapter, then fine-tuning.

    θ_k ← θ_k − η·∇L_k(θ_k)                 a step a batch, from the server's adapter w
    w ← w − rate·(weighted mean of w − θ_k)   weights n_k^power, n_k the client's counted targets

McMahan et al. 2017 (arXiv:1602.05629) weigh clients by n_k: power 1. Power 0 counts all clients alike, and values
between hold back those who type much. The phone then takes its K steps from w, as for the built-in `fine_tuning`.
"""

from __future__ import annotations

import tensorflow as tf
from pydantic import Field

from federated.local_training import adapter_sgd
from federated.personalization.method import (
    ClientText,
    ClientUpdate,
    DeviceArtifact,
    Method,
    MethodContext,
    Options,
    PersonalModel,
    Range,
    SharedModel,
    Structure,
)
from keyboard_model.model.adapter import AdapterTensors


class FedAvgAdapterOptions(Options):
    """weight_power: of a client's counted targets in its weight; 1 = FedAvg, 0 = all clients alike."""

    weight_power: float = Field(0.5, ge=0, le=1)


def server(base: SharedModel, context: MethodContext) -> AdapterTensors:
    """The adapter that the rounds train, at first one that changes nothing."""
    return base.adapter


def local(
    base: SharedModel, server: AdapterTensors, client: Structure, batches: tf.data.Dataset, context: MethodContext
) -> ClientUpdate:
    """One client's round: a plain step a batch. The client keeps nothing."""
    plain = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))
    own = adapter_sgd.steps(base.parameters, server, server, batches, plain, context.bos)
    weight = tf.minimum(own.targets, 1.0) * tf.pow(tf.maximum(own.targets, 1.0), context.options.weight_power)
    return ClientUpdate(adapter_sgd.subtract(server, own.adapter), weight, client, own.loss_sum, own.targets)


def personalize(
    base: SharedModel, server: AdapterTensors, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """K steps from the server's adapter, pulled to it."""
    adapter = adapter_sgd.personal_steps(base.parameters, server, server, text.training, context.config, context.bos)
    return PersonalModel(base.parameters, adapter)


def phone(base: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    """A phone starts at the server's adapter and takes the same steps."""
    return DeviceArtifact(base.parameters, (server,), "steps")


METHOD = Method(
    name="fed_avg_adapter",
    title="FedAvg on the adapter",
    paper="McMahan et al. 2017, arXiv:1602.05629, Algorithm 1, on the adapter alone",
    personalize=personalize,
    phone=phone,
    local=local,
    server=server,
    options=FedAvgAdapterOptions,
    space={
        "learning_rate": Range(0.05, 3.0, log=True),
        "options.weight_power": Range(0.0, 1.0),
    },
)
