"""FedBABU: the federation trains the body under a fixed head; a phone fine-tunes the head alone.

    w_k ← w_k − η·∇_w L_k(w_k, h)     on the client, one step for each batch, h fixed
    w ← w − rate·(mean of w − w_k)    on the server
    h_k: K steps from h, w fixed      on the phone

Oh, Kim and Yun 2022 (arXiv:2106.06042), Algorithm 1. The head h maps features to pieces: here
the embedding E (which is also the input table), the bias d and the initial adapter. The body w is the rest, the kernels
of the CIFG-LSTM. An adapter is a low-rank change of the head, E·(I + A·B)ᵀ and d + bias, so the phone's steps on it
train nothing but the head.

Two things differ from the paper. It starts from random weights and keeps the random head; here body and head are those
of the shared model, which was trained as a whole. And it fine-tunes the whole matrix of the head; here the change has
the adapter's rank. With a `base_learning_rate` of 0 this is `fine_tuning`. `fed_per` and `fed_rep` also train the head
in their rounds. Steps of the body use the dropout of `[training]`.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from federated.algorithms.partial.fed_per import SHARED_LAYERS_SPACE, SharedLayersOptions
from federated.local_training import adapter_sgd, shared_layers_sgd
from federated.local_training.batch_loop import fold
from federated.personalization.method import (
    ClientText,
    ClientUpdate,
    DeviceArtifact,
    FairnessTerms,
    Method,
    MethodContext,
    PersonalModel,
    SharedModel,
    Structure,
)
from keyboard_model.batching import Batch
from keyboard_model.model.cifg_lstm import Parameters


class Body(NamedTuple):
    """The tensors of `Parameters` that the rounds train; only they are sent."""

    w_x: tf.Tensor
    w_h: tf.Tensor
    b: tf.Tensor
    w_p: tf.Tensor


class _Round(NamedTuple):
    """A client's state within its round."""

    body: Body
    loss_sum: tf.Tensor
    targets: tf.Tensor


def body_of(parameters: Parameters) -> Body:
    """Returns the body of a model, or of a gradient."""
    return Body(*(getattr(parameters, name) for name in Body._fields))


def with_body(parameters: Parameters, body: Body) -> Parameters:
    """Returns the model with this body under its own head."""
    return parameters._replace(**Body(*body)._asdict())


def server(shared: SharedModel, context: MethodContext) -> Body:
    """Returns the body of the shared model."""
    return body_of(shared.parameters)


def local(shared: SharedModel, server: Body, client: Structure, batches: Batch, context: MethodContext) -> ClientUpdate:
    """Takes one SGD step of the body for each batch, and sends its change."""
    rates = [context.options.base_learning_rate] * len(Body._fields)

    def step(state: _Round, batch: Batch) -> _Round:
        model = with_body(shared.parameters, state.body)
        made = shared_layers_sgd.gradient(model, shared.adapter, batch, context.bos, dropout=context.dropout)
        body = shared_layers_sgd.sgd_step(state.body, body_of(made.parameters), rates, context.config.clip)
        return _Round(body, state.loss_sum + made.loss_sum, state.targets + made.targets)

    def received_loss() -> tf.Tensor:
        model = with_body(shared.parameters, received)
        return adapter_sgd.loss(model, shared.adapter, adapter_sgd.read(model, batches, context.bos))

    received = Body(*server)
    end = fold(step, _Round(received, tf.constant(0.0), tf.constant(0.0)), batches)
    update = Body(*(before - after for before, after in zip(received, end.body, strict=True)))
    fairness = FairnessTerms(received_loss, Body(*map(tf.constant, rates)))
    return ClientUpdate(update, end.targets, client, end.loss_sum, end.targets, fairness=fairness)


def personalize(
    shared: SharedModel, server: Body, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Takes K steps of the head from the initial adapter, each pulled to it; the body does not change."""
    parameters, start = with_body(shared.parameters, server), shared.adapter
    read = adapter_sgd.read(parameters, text.training, context.bos)
    adapter = adapter_sgd.personal_steps(parameters, start, start, read, context.config)
    return PersonalModel(parameters, adapter)


def phone(shared: SharedModel, server: Body, context: MethodContext) -> DeviceArtifact:
    return DeviceArtifact(with_body(shared.parameters, server), (shared.adapter,), "steps")


METHOD = Method(
    name="fed_babu",
    title="FedBABU",
    paper="Oh, Kim and Yun 2022, arXiv:2106.06042, Algorithm 1",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    server=server,
    options=SharedLayersOptions,
    space=SHARED_LAYERS_SPACE,
)
