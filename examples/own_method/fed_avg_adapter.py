"""A personalization method in its own package: federated averaging of the adapter, then fine-tuning.

    θ_k ← θ_k − η·∇L_k(θ_k)                   one step for each batch, from the server's adapter w
    w ← w − rate·(weighted mean of w − θ_k)   weights n_k^power, with n_k counted targets of the client

McMahan et al. 2017 (arXiv:1602.05629) use n_k itself as the weight: power 1. With power 0 all clients count equally;
powers between 0 and 1 reduce the weight of clients with much text. A phone then takes K steps from w.

Only the client's round is new. The server's initial state, the personal model and the phone's part are those of the
built-in Per-FedAvg, which also trains a shared start for K steps.
"""

from __future__ import annotations

import tensorflow as tf
from pydantic import Field

from federated.algorithms import Method, per_fedavg
from federated.local_training import adapter_sgd
from federated.personalization.method import ClientUpdate, MethodContext, Options, Range, SharedModel, Structure
from keyboard_model.batching import Batch
from keyboard_model.model.adapter import AdapterTensors


class FedAvgAdapterOptions(Options):
    """weight_power: exponent of the counted targets in a client's weight; 1 = FedAvg, 0 = equal weights."""

    weight_power: float = Field(0.5, ge=0, le=1)


def local(
    shared: SharedModel, server: AdapterTensors, client: Structure, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Takes one plain step for each batch. The client has no state."""
    plain = adapter_sgd.step_sizes(context.config)._replace(proximal=tf.constant(0.0))
    read = adapter_sgd.read(shared.parameters, batches, context.bos)
    own = adapter_sgd.steps(shared.parameters, server, server, read, plain)
    weight = tf.minimum(own.targets, 1.0) * tf.pow(tf.maximum(own.targets, 1.0), context.options.weight_power)
    return ClientUpdate(adapter_sgd.subtract(server, own.adapter), weight, client, own.loss_sum, own.targets)


METHOD = Method(
    name="fed_avg_adapter",
    title="FedAvg on the adapter",
    paper="McMahan et al. 2017, arXiv:1602.05629, Algorithm 1, on the adapter alone",
    personalize=per_fedavg.personalize,
    phone=per_fedavg.phone,
    local=local,
    server=per_fedavg.server,
    options=FedAvgAdapterOptions,
    space={
        "learning_rate": Range(0.05, 3.0, log=True),
        "options.weight_power": Range(0.0, 1.0),
    },
)
