"""Ditto: a shared adapter, and a personal one of each client that is pulled to it and kept between rounds.

    min_v  L_k(v) + λ/2·‖v − w*‖²,    w* the shared adapter of FedAvg

Li et al. 2021 (arXiv:2012.04221), Algorithm 1 and equation 2: in its round a client trains the shared
adapter w on its batches (what it sends) and takes proximal steps on its own v (what it keeps). λ is the
plan's `proximal`: 0 is local fine-tuning, λ → ∞ the shared adapter.
"""

from __future__ import annotations

import tensorflow as tf

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.algorithms.regularized import personal_adapter
from federated.local_training import adapter_sgd
from federated.personalization.method import ClientUpdate, Method, MethodContext, Range, SharedModel
from keyboard_model.model.adapter import AdapterTensors


def local(
    base: SharedModel, server: AdapterTensors, client: AdapterTensors, batches: tf.data.Dataset, plan: MethodContext
) -> ClientUpdate:
    """w by plain local SGD, v by proximal steps towards the w that was received."""
    rates = adapter_sgd.step_sizes(plan.config)
    plain = rates._replace(proximal=tf.constant(0.0))
    shared = adapter_sgd.steps(base.parameters, server, server, batches, plain, plan.bos)
    own = adapter_sgd.steps(base.parameters, client, server, batches, rates, plan.bos)
    return ClientUpdate(
        adapter_sgd.subtract(server, shared.adapter), shared.targets, own.adapter, own.loss_sum, own.targets
    )


METHOD = Method(
    name="ditto",
    title="Ditto",
    paper="Li et al. 2021, arXiv:2012.04221, Algorithm 1",
    personalize=personal_adapter.personalize,
    phone=personal_adapter.phone,
    local=local,
    server=personal_adapter.server,
    client=personal_adapter.client,
    space={**FINE_TUNING_SEARCH_SPACE, "proximal": Range(1e-3, 10.0, log=True)},
)
