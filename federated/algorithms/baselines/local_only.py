"""Every client alone: a whole model of its own from a random start, trained on nothing but its own text.

The reference for what federation gives (McMahan et al. 2017, section 1; Wang et al. 2019 call it local
training). Everybody's model starts from the same random one, of the shared model's sizes, and takes Adam's
steps: from nothing, plain SGD learns next to nothing in so few, and the shared model has Adam too, at its
server. It is measured in TFF only: a phone holds an adapter, not a model of its own.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from pydantic import Field

from federated.job import NotNegative, Share
from federated.local_training import adam
from federated.local_training.adam import AdamState
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
from keyboard_model.model.cifg_lstm import Parameters

_WINDOWS = 10_000  # more than anybody's newest words come to: the shuffle is a whole one


class LocalOnlyOptions(Options):
    """How a client trains.

    epochs: passes over its own text; 0 = the random start. The default is the budget of federated training: on the
        NUS SMS corpus 100 rounds of 10 of 185 clients bring 164 windows to a client on average, and what a phone
        learns from has 24 (median), so that 40 passes are some 600 rounds' worth.
    learning_rate: Adam's; 0 = the random start.
    dropout: share of the features left out of each step.
    seed: of the start, and of the order of the text.
    """

    epochs: int = Field(40, ge=0, le=1000)
    learning_rate: NotNegative = 2e-3
    dropout: Share = 0.3
    seed: int = Field(0, ge=0, lt=2**31)


def server(base: SharedModel, context: MethodContext) -> Parameters:
    """The random model that everybody starts from."""
    return adam.random_like(base.parameters, context.options.seed)


def personalize(
    base: SharedModel, server: Parameters, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    """So many passes over the client's windows, each in another order; nothing typed leaves the random start."""
    options = context.options

    def one_pass(state: AdamState, number: Any) -> AdamState:
        batches = shuffled(text.training, context.config.batch, options.seed, number)
        return adam.train(state, batches, clip=context.config.clip, dropout=options.dropout, bos=context.bos).state

    start = adam.initial_state(Parameters(*server), options.learning_rate)
    end = tf.data.Dataset.range(options.epochs).reduce(start, one_pass)
    return PersonalModel(Parameters(*end.parameters), base.adapter)


def shuffled(batches: tf.data.Dataset, batch: int, seed: int, number: tf.Tensor) -> tf.data.Dataset:
    """The batches' windows dealt anew, by (seed, number) alone.

    The same batch again would be given the same dropout mask again (see `local_sgd.dropout_rate`).
    """
    windows: tf.data.Dataset = batches.unbatch()
    return windows.shuffle(_WINDOWS, seed=tf.cast(seed, tf.int64) + number).batch(batch, drop_remainder=True)


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
