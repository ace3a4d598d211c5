"""Local training: each client trains a whole model from a random start, on its own text alone.

It shows what federation gains (McMahan et al. 2017, section 1; Wang et al. 2019 call it local training). All clients
start from the same random model, which has the sizes of the shared one, and train with Adam: from a random start, plain
SGD learns almost nothing in so few steps, and the shared model is trained with Adam, too (on the server). This baseline
is measured in TFF only, because a phone stores an adapter and not a whole model.
"""

from __future__ import annotations

import tensorflow as tf
from pydantic import Field

from federated.local_training import full_model
from federated.local_training.full_model import AdamState
from federated.personalization.method import (
    Choice,
    ClientText,
    Method,
    MethodContext,
    Options,
    PersonalModel,
    Range,
    SharedModel,
    Structure,
)
from federated.settings import NotNegative, Share
from keyboard_model.batching import Batch
from keyboard_model.model.cifg_lstm import Parameters


class LocalOnlyOptions(Options):
    """How a client trains.

    Attributes:
        epochs: Passes over its own text; 0 = the random start. The default corresponds to the budget of federated
            training. On the NUS SMS corpus, a client reads 164 windows on average in 100 rounds of 10 of 185 clients,
            and the training part of a phone has 24 (median). So 40 passes correspond to about 600 rounds.
        learning_rate: Adam's; 0 = the random start.
        dropout: Share of the features that each step leaves out; 0 = none.
        seed: Seed of the random start and of the order of the text.
    """

    epochs: int = Field(40, ge=0, le=1000)
    learning_rate: NotNegative = 2e-3
    dropout: Share = 0.3
    seed: int = Field(0, ge=0, lt=2**31)


def server(shared: SharedModel, context: MethodContext) -> Parameters:
    """Returns the random model that all clients start from, as NumPy arrays."""
    return full_model.random_like(shared.parameters, context.options.seed)


def personalize(
    shared: SharedModel, server: Parameters, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """Makes `epochs` passes over the client's windows, each in another order; none without text."""
    options = context.options

    def one_pass(number: tf.Tensor, state: AdamState) -> tuple[tf.Tensor, AdamState]:
        batches = shuffled(text.training, options.seed, number)
        end = full_model.adam_pass(state, batches, clip=context.config.clip, dropout=options.dropout, bos=context.bos)
        return number + 1, end.state

    start = full_model.adam_start(Parameters(*server), options.learning_rate)
    first = tf.constant(0), start
    _, end = tf.while_loop(lambda number, _: number < options.epochs, one_pass, first, parallel_iterations=1)
    return PersonalModel(Parameters(*end.parameters), shared.adapter)


def shuffled(batches: Batch, seed: int, number: tf.Tensor) -> Batch:
    """Returns new batches of the same windows, in an order that depends only on (seed, number).

    If a batch had the same windows in each pass, it would also have the same dropout mask: see
    `full_model.dropout_rate`.
    """
    _, size, window = batches.tokens.shape
    windows = tuple(tf.reshape(part, [-1, window]) for part in batches)
    order = tf.argsort(tf.random.stateless_uniform([tf.shape(windows[0])[0]], [seed, number]))
    return Batch(*(tf.reshape(tf.gather(part, order), [-1, size, window]) for part in windows))


METHOD = Method(
    name="local_only",
    title="each client alone",
    paper="the baseline of McMahan et al. 2017 (arXiv:1602.05629) and Wang et al. 2019 (arXiv:1910.10252)",
    personalize=personalize,
    phone=None,
    server=server,
    options=LocalOnlyOptions,
    space={
        "options.epochs": Choice((5, 10, 20, 40)),
        "options.learning_rate": Range(5e-4, 1e-2, log=True),
        "options.dropout": Range(0.0, 0.6),
    },
)
