"""Ditto: a shared adapter, and a personal one of each client that is pulled to it and kept between rounds.

    min_v  L_k(v) + λ/2·‖v − w*‖²,    w* the shared adapter of FedAvg

Li et al. 2021 (arXiv:2012.04221), Algorithm 1 and equation 2: in its round a client trains the shared
adapter w on its batches (what it sends) and takes proximal steps on its own v (what it keeps). λ is the
plan's `proximal`: 0 is local fine-tuning, λ → ∞ the shared adapter.
"""

from __future__ import annotations

import tensorflow as tf

from federated import adapter_sgd
from federated.fine_tuning import STEPS_SPACE
from federated.method import Base, Local, Method, Personal, PhonePart, Plan, Range, Text
from keyboard_model.adapter import Adapter


def server(base: Base, plan: Plan) -> Adapter:
    """The shared adapter w, at first one that changes nothing."""
    return base.adapter


def client(server: Adapter, plan: Plan) -> Adapter:
    """A client's own v starts at w."""
    return server


def local(base: Base, server: Adapter, client: Adapter, batches: tf.data.Dataset, plan: Plan) -> Local:
    """w by plain local SGD, v by proximal steps towards the w that was received."""
    rates = adapter_sgd.rates(plan.config)
    plain = rates._replace(proximal=tf.constant(0.0))
    shared = adapter_sgd.steps(base.parameters, server, server, batches, plain, plan.bos)
    own = adapter_sgd.steps(base.parameters, client, server, batches, rates, plan.bos)
    return Local(adapter_sgd.minus(server, shared.adapter), shared.targets, own.adapter, own.loss_sum, own.targets)


def personalize(base: Base, server: Adapter, client: Adapter, text: Text, plan: Plan) -> Personal:
    """K proximal steps from the client's v towards w; a new phone's v is w."""
    adapter = adapter_sgd.personal_steps(base.parameters, client, server, text.learnt, plan.config, plan.bos)
    return Personal(base.parameters, adapter)


def phone(base: Base, server: Adapter, plan: Plan) -> PhonePart:
    return PhonePart(base.parameters, (server,), "steps")


METHOD = Method(
    name="ditto",
    title="Ditto",
    paper="Li et al. 2021, arXiv:2012.04221, Algorithm 1",
    personalize=personalize,
    phone=phone,
    local=local,
    server=server,
    client=client,
    space={**STEPS_SPACE, "proximal": Range(1e-3, 10.0, log=True)},
)
