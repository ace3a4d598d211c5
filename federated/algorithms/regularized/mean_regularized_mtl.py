"""Mean-regularized multi-task learning: each client has its own adapter, which is pulled to the mean of all.

    min over θ_1 … θ_n of  Σ f_k(θ_k) + λ/2·‖θ_k − θ̄‖²,    θ̄ their mean

Evgeniou and Pontil 2004; the family of MOCHA (Smith et al. 2017, arXiv:1705.10467), with one shared model for all. The
solver is that of Hanzely and Richtárik 2020 (arXiv:2002.05516, L2GD, Algorithm 1): steps towards the mean alternate
with local steps. In its round, a client with T batches first takes T pulls at once and implicitly, which is stable for
every λ, and then T plain local steps:

    θ_k ← (θ_k + Tηλ·θ̄) / (1 + Tηλ),    then θ_k ← θ_k − η·∇f_k(θ_k), T times

λ is `proximal`: with 0 every client trains alone, with λ → ∞ this is FedAvg on one adapter for all. q-FedAvg does not
apply: the server receives the clients' own adapters, not steps from the mean.
"""

from __future__ import annotations

import tensorflow as tf

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.algorithms.regularized import ditto
from federated.local_training import adapter_sgd
from federated.local_training.batch_loop import number_of
from federated.personalization.method import Choice, ClientUpdate, Method, MethodContext, Range, SharedModel
from keyboard_model.batching import Batch
from keyboard_model.model.adapter import AdapterTensors


def local(
    shared: SharedModel,
    server: AdapterTensors,
    client: AdapterTensors,
    batches: Batch,
    context: MethodContext,
) -> ClientUpdate:
    """Takes the pull, then the local steps, and sends the change of the mean, in which all clients count equally."""
    rates = adapter_sgd.step_sizes(context.config)
    number = tf.cast(number_of(batches), tf.float32)
    eta = adapter_sgd.tensor_rates(rates)
    pulled = AdapterTensors(
        *(
            mean + (part - mean) / (1.0 + number * rate * rates.proximal)
            for part, mean, rate in zip(client, server, eta, strict=True)
        )
    )
    plain = rates._replace(proximal=tf.constant(0.0))
    read = adapter_sgd.read(shared.parameters, batches, context.bos)
    own = adapter_sgd.steps(shared.parameters, pulled, pulled, read, plain)
    weight = tf.minimum(own.targets, 1.0)  # without targets, weight 0
    return ClientUpdate(adapter_sgd.subtract(server, own.adapter), weight, own.adapter, own.loss_sum, own.targets)


METHOD = Method(
    name="multi_task",
    title="multi-task",
    paper="Hanzely and Richtárik 2020, arXiv:2002.05516, Algorithm 1 (L2GD); Evgeniou and Pontil 2004",
    personalize=ditto.personalize,
    phone=ditto.phone,
    local=local,
    server=ditto.server,
    client=ditto.client,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "proximal": Range(1e-3, 10.0, log=True),
        "federated.server_learning_rate": Choice((0.3, 1.0)),
    },
)
