"""All clients' messages in one place: the upper reference for the shared model, and what federation is there to avoid.

Adam over shuffled batches of everybody's text, from a random start of the shared model's sizes. The training
is one TFF computation, called a slice of the batches at a time, with the data at the server:

    next(state@SERVER, batches@SERVER) -> state@SERVER, measured@SERVER

`train` makes the model; as a method it is then the server's value, and nothing is personal about it.
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
from federated.job import NotNegative, Positive, Share
from federated.local_training import adam
from federated.local_training.adam import AdamState
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
from keyboard_model.batching.windows import Batch
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import Tokenizer

_SLICE = 100  # batches a TFF call


class CentralizedOptions(Options):
    """How the pooled text is learnt.

    epochs: passes over it at most; 0 = the random start. learning_rate: Adam's. clip: largest norm of a gradient.
    dropout: share of the features left out of each step. batch, window: the shape of a batch.
    seed: of the start, and of the order.
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
    """What a slice of an epoch came to; `loss` in nats a piece, each before the step that learnt from it."""

    epoch: int
    epochs: int
    batches: int
    loss: float


@dataclass(frozen=True)
class Process:
    """`initialize(parameters)` and `next` of the module's docstring; the state's first part are the parameters."""

    initialize: Callable[..., Any]
    next: Callable[..., Any]


def build(initial: Parameters, options: CentralizedOptions, bos: int) -> Process:
    """Returns the training as TFF computations; `initial` gives the types."""
    kind = type_of(initial)

    @tff.tensorflow.computation(kind)
    def begin(parameters: Any) -> AdamState:
        return adam.initial_state(Parameters(*parameters), options.learning_rate)

    state_type = begin.type_signature.result
    data = batch_type(options.batch, options.window)

    @tff.tensorflow.computation(state_type, data)
    def read(state: Any, batches: tf.data.Dataset) -> Any:
        before = AdamState(tuple(state[0]), state[1])
        done = adam.train(before, batches.map(Batch), clip=options.clip, dropout=options.dropout, bos=bos)
        return done.state, collections.OrderedDict(loss_sum=done.loss_sum, targets=done.targets)

    @tff.federated_computation(tff.FederatedType(kind, tff.SERVER))
    def initialize(parameters: Any) -> Any:
        return tff.federated_map(begin, parameters)

    @tff.federated_computation(tff.FederatedType(state_type, tff.SERVER), tff.FederatedType(data, tff.SERVER))
    def next_slice(state: Any, batches: Any) -> Any:
        return tff.federated_map(read, (state, batches))

    return Process(initialize, next_slice)


def train(
    initial: Parameters,
    clients: FederatedData,
    tokenizer: Tokenizer,
    options: CentralizedOptions,
    *,
    judge: Callable[[Parameters], float] | None = None,
    on_slice: Callable[[Slice], None] = lambda done: None,
) -> Parameters:
    """Returns the model trained on the training clients' messages together.

    Args:
        initial: as `server` makes it.
        judge: a model's loss on validation clients, asked after every epoch, for the best epoch is to be returned;
            the last one is when None.
        on_slice: told of the progress.
    """
    process = build(initial, options, tokenizer.bos)
    state = process.initialize(initial)
    best, lowest = initial, np.inf
    for epoch in range(1, options.epochs + 1):
        state = _epoch(process, state, clients, tokenizer, options, epoch, on_slice)
        found = Parameters(*(np.asarray(part) for part in state[0]))
        loss = -epoch if judge is None else judge(found)
        if loss < lowest:
            best, lowest = found, loss
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
    everybody = rng.permutation(np.array(clients.population.training, dtype=object))
    loss_sum = targets = 0.0
    batches = 0
    for chunk in client_batches.message_chunks(map(clients.training_messages, everybody), tokenizer):
        for part in client_batches.shuffled_batches(
            chunk, rng, batch=options.batch, window=options.window, bos=tokenizer.bos, length=_SLICE
        ):
            state, measured = process.next(state, part)
            loss_sum, targets = loss_sum + float(measured["loss_sum"]), targets + float(measured["targets"])
            batches += len(part)
            on_slice(Slice(epoch, options.epochs, batches, loss_sum / max(targets, 1.0)))
    return state


def server(base: SharedModel, context: MethodContext) -> Parameters:
    """The random start; `train` makes of it what is to be measured."""
    return adam.random_like(base.parameters, context.options.seed)


def personalize(
    base: SharedModel, server: Parameters, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """The same model for everybody."""
    return PersonalModel(Parameters(*server), base.adapter)


METHOD = Method(
    name="centralized",
    title="all text in one place",
    paper="the centralized baseline of McMahan et al. 2017, arXiv:1602.05629",
    personalize=personalize,
    phone=None,
    server=server,
    options=CentralizedOptions,
)
