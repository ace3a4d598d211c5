"""Centralized training: all clients' messages in one place, the upper reference for the shared model.

Adam over shuffled batches of all text, from a random start with the shared model's sizes. The training is one TFF
computation with the data at the server, called for one slice of the batches after the other:

    next(state@SERVER, batches@SERVER) -> state@SERVER, metrics@SERVER

`train` returns the model. As a method, it is the server's state, and there is no personalization.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff
from pydantic import Field

from federated.data import client_batches
from federated.data.federated_data import FederatedData
from federated.local_training import full_model
from federated.local_training.batch_loop import gathered
from federated.local_training.full_model import AdamState
from federated.personalization.method import (
    ClientText,
    Method,
    MethodContext,
    Options,
    PersonalModel,
    SharedModel,
    Structure,
)
from federated.runtime.tff_types import batch_type, type_of
from federated.settings import NotNegative, Positive, Share
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import Tokenizer

_SLICE = 100  # batches in a TFF call


class CentralizedOptions(Options):
    """How the model is trained on the pooled text.

    Attributes:
        epochs: Largest number of passes; 0 = the random start.
        learning_rate: Adam's.
        clip: Largest global norm of a gradient.
        dropout: Share of the features that each step leaves out; 0 = none.
        batch, window: Shape of a batch.
        seed: Seed of the random start and of the order of the text.
    """

    epochs: int = Field(5, ge=0, le=1000)
    learning_rate: NotNegative = 2e-3
    clip: Positive = 5.0
    dropout: Share = 0.3
    batch: int = Field(32, ge=1, le=1024)
    window: int = Field(20, ge=2, le=200)
    seed: int = Field(0, ge=0, lt=2**31)


@dataclass(frozen=True)
class Slice:
    """The progress after a slice. `loss`: nats per piece in this epoch so far, each batch before its step."""

    epoch: int
    epochs: int
    batches: int
    loss: float


@dataclass(frozen=True)
class Process:
    """`initialize(parameters)`, and `next` of the module's docstring. The state's first part is the parameters."""

    initialize: Callable[..., Any]
    next: Callable[..., Any]


def build(initial: Parameters, options: CentralizedOptions, bos: int) -> Process:
    """Returns the training as TFF computations; `initial` gives the types."""
    kind = type_of(initial)

    @tff.tensorflow.computation(kind)
    def initial_state(parameters: Any) -> AdamState:
        return full_model.adam_start(Parameters(*parameters), options.learning_rate)

    state_type = initial_state.type_signature.result
    data = batch_type(options.batch, options.window)

    @tff.tensorflow.computation(state_type, data)
    def train_slice(state: Any, batches: tf.data.Dataset) -> Any:
        before = AdamState(tuple(state[0]), state[1])
        result = full_model.adam_pass(before, gathered(batches), clip=options.clip, dropout=options.dropout, bos=bos)
        return result.state, collections.OrderedDict(loss_sum=result.loss_sum, targets=result.targets)

    @tff.federated_computation(tff.FederatedType(kind, tff.SERVER))
    def initialize(parameters: Any) -> Any:
        return tff.federated_map(initial_state, parameters)

    @tff.federated_computation(tff.FederatedType(state_type, tff.SERVER), tff.FederatedType(data, tff.SERVER))
    def next_slice(state: Any, batches: Any) -> Any:
        return tff.federated_map(train_slice, (state, batches))

    return Process(initialize, next_slice)


def train(
    initial: Parameters,
    clients: FederatedData,
    tokenizer: Tokenizer,
    options: CentralizedOptions,
    *,
    validate: Callable[[Parameters], float] | None = None,
    on_slice: Callable[[Slice], None] = lambda result: None,
) -> Parameters:
    """Returns the model trained on the training clients' messages together.

    Args:
        initial: The random start, as `server` returns it.
        validate: Returns a model's loss on validation clients. It is called after each epoch, and the model of the best
            epoch is returned; None = the model of the last epoch.
        on_slice: Called after each slice.
    """
    process = build(initial, options, tokenizer.bos)
    state = process.initialize(initial)
    best, lowest = initial, np.inf
    for epoch in range(1, options.epochs + 1):
        state = _epoch(process, state, clients, tokenizer, options, epoch, on_slice)
        model = Parameters(*(np.asarray(part) for part in state[0]))
        loss = -epoch if validate is None else validate(model)
        if loss < lowest:
            best, lowest = model, loss
    return best


def _epoch(
    process: Process,
    state: Any,
    clients: FederatedData,
    tokenizer: Tokenizer,
    options: CentralizedOptions,
    epoch: int,
    on_slice: Callable[[Slice], None],
) -> Any:
    rng = np.random.default_rng([options.seed, epoch])
    users = rng.permutation(np.array(list(clients.population.training), dtype=object))
    loss_sum = targets = 0.0
    batches = 0
    for chunk in client_batches.message_chunks(map(clients.training_messages, users), tokenizer):
        for part in client_batches.shuffled_batches(
            chunk, rng, batch=options.batch, window=options.window, bos=tokenizer.bos, length=_SLICE
        ):
            state, metrics = process.next(state, part)
            loss_sum, targets = loss_sum + float(metrics["loss_sum"]), targets + float(metrics["targets"])
            batches += len(part)
            on_slice(Slice(epoch, options.epochs, batches, loss_sum / max(targets, 1.0)))
    return state


def server(shared: SharedModel, context: MethodContext) -> Parameters:
    """Returns the random start; `train` trains it."""
    return full_model.random_like(shared.parameters, context.options.seed)


def personalize(
    shared: SharedModel, server: Parameters, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Returns the same model for every client."""
    return PersonalModel(Parameters(*server), shared.adapter)


METHOD = Method(
    name="centralized",
    title="all text in one place",
    paper="the centralized baseline of McMahan et al. 2017, arXiv:1602.05629",
    personalize=personalize,
    phone=None,
    server=server,
    options=CentralizedOptions,
)
