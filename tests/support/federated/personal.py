"""A small personalization: a random shared model, an adapter that already does something, and its text."""

import numpy as np
import tensorflow as tf

from federated.job import PersonalizationConfig
from federated.personalization import personalization_process
from federated.personalization.method import ClientText, ClientUpdate, Method, MethodContext, SharedModel
from keyboard_model.model.adapter import AdapterTensors
from tests.support.federated.toys import BOS, B, Batches, E, T, V, parameters, stacked

R = 2


def random_adapter(seed: int, scale: float = 0.3) -> AdapterTensors:
    rng = np.random.default_rng(seed)
    return AdapterTensors(*(rng.normal(0, scale, shape).astype(np.float32) for shape in ((E, R), (R, E), (V,))))


BASE = SharedModel(parameters(), random_adapter(0))
TENSORS: SharedModel = tf.nest.map_structure(tf.constant, BASE)


def context_of(
    method: Method, options: dict | None = None, federated: dict | None = None, **changes: float
) -> MethodContext:
    values = {
        "steps": 3,
        "learning_rate": 0.1,
        "bias_rate": 0.5,
        "proximal": 0.2,
        "clip": 0.5,
        "evidence": 10.0,
        **changes,
    }
    config = PersonalizationConfig(
        method=method.name, options=options or {}, federated=federated or {}, batch=B, window=T, **values
    )
    return method.context(config, BOS)


def text(learnt: Batches, held_out: Batches) -> ClientText:
    return ClientText(stacked(learnt), stacked(held_out))


def local(method: Method, server, client, batches: Batches, context: MethodContext) -> ClientUpdate:
    """A client's round outside TFF."""
    server, client = (tf.nest.map_structure(tf.constant, part) for part in (server, client))
    assert method.local is not None
    return method.local(TENSORS, server, client, stacked(batches), context)


def personal(
    method: Method, server, client, learnt: Batches, held_out: Batches, context: MethodContext
) -> AdapterTensors:
    """The adapter that a client ends with, outside TFF."""
    server, client = (tf.nest.map_structure(tf.constant, part) for part in (server, client))
    return method.personalize(TENSORS, server, client, text(learnt, held_out), context).adapter


def rounds(method: Method, context: MethodContext, clients: list[Batches], number: int = 1):
    """Real TFF rounds of these clients from the method's start: the server's value, their states, the last figures."""
    process = personalization_process.build(method, BASE, context)
    state = process.initialize()
    states = [method.client(method.server(BASE, context), context) for _ in clients]
    for _ in range(number):
        state, states, measured = process.next(state, BASE, states, clients)
    return process.server(state), states, measured
