"""Three ways to train on the same batches, with models of the same size. `benchmarks.throughput` compares them."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_federated as tff
from tensorflow_federated.python.simulation.baselines.stackoverflow import word_prediction_models

from federated.job import TrainingConfig
from federated.local_training import full_model
from federated.training import fed_avg
from keyboard_model.batching import Batch
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters

VOCAB, EMBEDDING, CELLS = 8192, 96, 512
BATCH, WINDOW = 16, 20
BOS = 1
CONFIG = TrainingConfig(
    client_learning_rate=0.1,
    server_learning_rate=0.001,
    server_epsilon=1e-5,
    clip=5.0,
    dropout=0.0,
    batch=BATCH,
    window=WINDOW,
)

Ids = npt.NDArray[np.int32]
Clients = Sequence[Sequence[tuple[Ids, Ids]]]
"""Each client's batches of (tokens, targets), `[BATCH,WINDOW]`."""
Round = Callable[[], float]
"""Trains once on every client's batches. Returns a loss, finite unless training broke."""


def random_batches(clients: int, batches: int) -> Clients:
    """Returns windows of random pieces with the frequencies of words (Zipf's law). Every target counts."""
    rng = np.random.default_rng(0)
    pieces = np.arange(BOS + 1, VOCAB, dtype=np.int32)  # no padding, which the baseline would mask
    share = 1.0 / np.arange(1, len(pieces) + 1)

    def batch() -> tuple[Ids, Ids]:
        ids = rng.choice(pieces, (BATCH, WINDOW + 1), p=share / share.sum())
        return ids[:, :-1], ids[:, 1:]

    return [[batch() for _ in range(batches)] for _ in range(clients)]


def plain_tensorflow(data: Clients) -> Round:
    """Trains with our local step on variables, one batch after the other."""
    weights = [tf.Variable(part) for part in _initial()]
    batches = [Batch(*map(tf.constant, batch)) for client in data for batch in client]

    def step(tokens: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        now = Parameters(*map(tf.convert_to_tensor, weights))
        batch = Batch(tokens, targets)
        loss, counted, gradient = full_model.batch_gradient(now, batch, dropout=CONFIG.dropout, bos=BOS)
        gradient, _ = tf.clip_by_global_norm(gradient, CONFIG.clip)
        for weight, part in zip(weights, gradient, strict=True):
            weight.assign_sub(CONFIG.client_learning_rate * part)
        return loss / counted

    compiled = tf.function(step)

    def train() -> float:
        losses = [compiled(*batch) for batch in batches]
        return float(losses[-1])

    return train


def federated(data: Clients) -> Round:
    """Trains with our federated rounds, in the current execution context."""
    clients = [[Batch(x, y) for x, y in client] for client in data]
    rounds = _rounds(fed_avg.build(_initial(), CONFIG, BOS), clients)

    def train() -> float:
        measured = next(rounds)["client_work"]
        return float(measured["loss_sum"] / measured["targets"])

    return train


def tff_baseline(data: Clients) -> Round:
    """Trains TFF's Stack Overflow model with TFF's own federated averaging, in the current execution context.

    The builder has no public name, because the task of `tff.simulation.baselines` fixes 670 cells. The embedding is
    tied, like ours, and the task's three accuracies are left out. Both make it faster than the original.
    """
    clients = [[collections.OrderedDict(x=x, y=y) for x, y in client] for client in data]
    matrix = tf.TensorSpec([BATCH, WINDOW], tf.int32)

    def model() -> tff.learning.models.VariableModel:
        return tff.learning.models.from_keras_model(
            word_prediction_models.create_recurrent_model(VOCAB, EMBEDDING, lstm_size=CELLS, shared_embedding=True),
            loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            input_spec=collections.OrderedDict(x=matrix, y=matrix),
        )

    process = tff.learning.algorithms.build_weighted_fed_avg(
        model, client_optimizer_fn=tff.learning.optimizers.build_sgdm(CONFIG.client_learning_rate)
    )
    rounds = _rounds(process, clients)

    def train() -> float:
        return float(next(rounds)["client_work"]["train"]["loss"])

    return train


def _rounds(process: tff.learning.templates.LearningProcess, clients: Sequence[object]) -> Iterator[dict[str, Any]]:
    """Runs a learning process round after round, yielding each one's metrics."""
    state = process.initialize()
    while True:
        output = process.next(state, clients)
        state = output.state
        yield output.metrics


def _initial() -> Parameters:
    return cifg_lstm.init(VOCAB, EMBEDDING, CELLS, seed=0)
