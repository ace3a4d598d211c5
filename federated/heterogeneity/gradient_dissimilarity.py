"""Gradient dissimilarity: whether users' gradients at the shared model agree, as a TFF computation.

g_k is the gradient of user k's mean loss with respect to B and the bias of the initial adapter (A's gradient is zero
there). Only sums reach the server, as secure aggregation would provide them, and a few numbers for each user.

    dissimilarity  E‖g_k − g‖² / ‖g‖², g = E g_k: B² − 1 of Li et al. 2020 (FedProx, arXiv:1812.06127), definition 3
    cosine         mean over pairs of users; and over the two halves of one user, as a reference for similar users

Every user counts once in E, as in all of Thumbprint's figures. g_k of a small sample is noisy, and noise alone makes
gradients dissimilar: `signal` is estimated from halves, which removes the noise (see `evidence`).
"""

from __future__ import annotations

import collections
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated.heterogeneity.divergence import Evidence, signal
from federated.local_training import adapter_sgd
from federated.local_training.batch_loop import fold, gathered
from federated.personalization.method import SharedModel
from federated.runtime.tff_types import batch_type, type_of
from keyboard_model.batching import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm


@dataclass(frozen=True)
class Gradients:
    """How users' gradients differ at the shared model.

    Attributes:
        users: Number of users with text for two halves.
        dissimilarity: E‖g_k − g‖² / ‖g‖²; 0 if all gradients are equal. None if the mean gradient is zero.
        between_cosine: Mean cosine between halves of two users.
        within_cosine: Mean cosine between the two halves of one user.
        signal: Evidence in pieces.
    """

    users: int
    dissimilarity: float | None
    between_cosine: float
    within_cosine: float
    signal: Evidence


class GradientProcess(NamedTuple):
    """Two TFF computations:

        initialize() -> state@SERVER
        next(state@SERVER, shared@SERVER, first@CLIENTS, second@CLIENTS) -> (state@SERVER, rows@CLIENTS)

    `next` adds a cohort of users with their two halves. A row has `pieces`, `loss` (nats per piece), `norm` and
    `cosine` (between the user's halves).
    """

    initialize: Any
    next: Any


def _direction(vector: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(vector, tf.norm(vector))


def _half(shared: SharedModel, batches: Batch, bos: int) -> tuple[tf.Tensor, ...]:
    """Returns counted pieces, summed loss in nats, and the gradient of the mean loss, flat: B's then the bias's."""

    def add_batch(total: tuple[tf.Tensor, ...], batch: Batch) -> tuple[tf.Tensor, ...]:
        read = adapter_sgd.features(shared.parameters, batch, bos)
        counted = cifg_lstm.counted_targets(read.targets)
        loss, gradient = adapters.gradient(*shared, *read)
        flat = tf.concat([tf.reshape(gradient.lora_b, [-1]), gradient.bias], 0)
        return total[0] + counted, total[1] + counted * loss, total[2] + counted * flat

    size = _size(shared)
    pieces, loss, summed = fold(add_batch, (0.0, 0.0, tf.zeros([size])), batches)
    return pieces, loss, tf.math.divide_no_nan(summed, pieces)


def _sums_of(pieces: Sequence[tf.Tensor], halves: Sequence[tf.Tensor]) -> collections.OrderedDict:
    first, second = halves
    counts = tf.cast(tf.reduce_all([tf.greater(count, 0.0) for count in pieces]), tf.float32)
    mean = (first + second) / 2
    spread = tf.math.divide_no_nan(1.0, pieces[0]) + tf.math.divide_no_nan(1.0, pieces[1])
    values = collections.OrderedDict(
        users=tf.constant(1.0),
        first=first,
        second=second,
        first_direction=_direction(first),
        second_direction=_direction(second),
        squared_norm=tf.reduce_sum(tf.square(mean)),
        product=tf.reduce_sum(first * second),
        cosine=tf.reduce_sum(_direction(first) * _direction(second)),
        noise=tf.math.divide_no_nan(tf.reduce_sum(tf.square(first - second)), spread),
    )
    return collections.OrderedDict((name, value * counts) for name, value in values.items())


def _size(shared: SharedModel) -> int:
    rank, embedding = shared.adapter.lora_b.shape
    return int(rank * embedding + shared.adapter.bias.shape[0])


def build(shared: SharedModel, batch: int, window: int, bos: int) -> GradientProcess:
    """Returns the process for models of this shape; each half is a data set of `batch_type(batch, window)`."""
    shared_type, data, size = type_of(shared), batch_type(batch, window), _size(shared)

    @tff.tensorflow.computation(shared_type, data, data)
    def local(shared: Any, first: tf.data.Dataset, second: tf.data.Dataset) -> collections.OrderedDict:
        shared = SharedModel.from_tff(shared)
        pieces, losses, halves = zip(*(_half(shared, gathered(half), bos) for half in (first, second)), strict=True)
        sums = _sums_of(pieces, halves)
        row = collections.OrderedDict(
            pieces=pieces[0] + pieces[1],
            loss=tf.math.divide_no_nan(losses[0] + losses[1], pieces[0] + pieces[1]),
            norm=tf.sqrt(sums["squared_norm"]),
            cosine=sums["cosine"],
        )
        return collections.OrderedDict(sums=sums, row=row)

    @tff.tensorflow.computation
    def zeros() -> collections.OrderedDict:
        vectors = ("first", "second", "first_direction", "second_direction")
        names = ("users", *vectors, "squared_norm", "product", "cosine", "noise")
        return collections.OrderedDict((name, tf.zeros([size] if name in vectors else [])) for name in names)

    state_type = zeros.type_signature.result

    @tff.tensorflow.computation(state_type, state_type)
    def add(state: collections.OrderedDict, sums: collections.OrderedDict) -> collections.OrderedDict:
        return tf.nest.map_structure(tf.add, state, sums)

    @tff.federated_computation
    def initialize() -> object:
        return tff.federated_eval(zeros, tff.SERVER)

    @tff.federated_computation(
        tff.FederatedType(state_type, tff.SERVER),
        tff.FederatedType(shared_type, tff.SERVER),
        tff.FederatedType(data, tff.CLIENTS),
        tff.FederatedType(data, tff.CLIENTS),
    )
    def next_cohort(state: Any, shared: Any, first: Any, second: Any) -> Any:
        results = tff.federated_map(local, (tff.federated_broadcast(shared), first, second))
        return tff.federated_map(add, (state, tff.federated_sum(results.sums))), results.row

    return GradientProcess(initialize, next_cohort)


def gradients_of(state: collections.OrderedDict) -> Gradients | None:
    """Returns the figures of the process's final state; None with fewer than two users."""
    sums = {name: np.asarray(value, np.float64) for name, value in state.items()}
    users = float(sums["users"])
    if users < 2:
        return None
    pairs = users * (users - 1)
    mean = (sums["first"] + sums["second"]) / (2 * users)
    squared = float(mean @ mean)
    across = float(sums["first"] @ sums["second"] - sums["product"]) / pairs
    cosines = float(sums["first_direction"] @ sums["second_direction"] - sums["cosine"]) / pairs
    return Gradients(
        users=int(users),
        dissimilarity=(float(sums["squared_norm"]) / users - squared) / squared if squared else None,
        between_cosine=cosines,
        within_cosine=float(sums["cosine"]) / users,
        signal=signal(float(sums["product"]) / users, across, float(sums["noise"]) / users),
    )
