"""Federated training of the weights with which phones mix the shared model and their owner's own counts.

    L(A) = −mean of log Σ_k g_k(x)·p_k + λ/n·‖A − A_0‖²,        g(x) = softmax(A·(1, x))

over the words that n users typed: p_k is the probability that component k gave the word, and x describes the context
(Jacobs et al. 1991, "Adaptive Mixtures of Local Experts", eq. 1.3 with fixed experts). The softmax is over the
components that know something there. An example tells neither word nor context. A client takes gradient steps on its
own examples, and the server's Adam takes the mean of what they moved (FedAdam, Reddi et al. 2020, arXiv:2003.00295). A
client counts with the root of the number of its examples, so that a few users who type much do not decide for all.

A_0 are the weights of another population. A few dozen users are too few for weights of their own (docs/results.md).
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_federated as tff

ROUNDS, STEPS, RATE, SERVER_RATE = 100, 10, 1.0, 0.2
_LEAST = 1e-6
"""The chance of a word that no component knows."""

Floats = npt.NDArray[np.floating[Any]]
Examples = Sequence[npt.NDArray[Any]]
"""Of a client: features `[n, F]`, present `[n, K]`, chances `[n, K]`."""


def build(anchor: Floats, pull: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns two TFF computations, of the first state and of a round.

        A [K, 1 + F] -> state            state@SERVER, examples@CLIENTS -> state, mean loss before the steps@SERVER

    A state is (A, the state of the server's Adam).

    Args:
        anchor: A_0. `[K, 1 + F]`
        pull: λ/n.
    """
    components, features = anchor.shape[0], anchor.shape[1] - 1
    coefficients = tff.TensorType(np.float32, [components, 1 + features])
    examples = tff.types.to_type(
        (
            tff.TensorType(np.float32, [None, features]),
            tff.TensorType(np.bool_, [None, components]),
            tff.TensorType(np.float32, [None, components]),
        )
    )
    adam = tff.learning.optimizers.build_adam(SERVER_RATE)

    @tff.tensorflow.computation(coefficients)
    def initialize(start: tf.Tensor) -> Any:
        return start, adam.initialize(tf.TensorSpec([components, 1 + features], tf.float32))

    @tff.tensorflow.computation(coefficients, examples)
    def local(start: tf.Tensor, data: Any) -> Any:
        x, present, chances = data
        absent = tf.where(present, 0.0, -1e9)

        def loss(at: tf.Tensor) -> tf.Tensor:
            scores = at[:, 0] + tf.matmul(x, at[:, 1:], transpose_b=True) + absent
            mixed = tf.reduce_sum(tf.nn.softmax(scores) * chances, 1)
            pulled = pull * tf.reduce_sum(tf.square(at - tf.constant(anchor, tf.float32)))
            return pulled - tf.reduce_mean(tf.math.log(tf.maximum(mixed, _LEAST)))

        def step(at: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(at)
                value = loss(at)
            return at - RATE * tape.gradient(value, at)

        moved, before = start, loss(start)
        for _ in range(STEPS):
            moved = step(moved)
        usable = tf.reduce_all(tf.math.is_finite(moved)) & (tf.shape(x)[0] > 0)
        weight = tf.where(usable, tf.sqrt(tf.cast(tf.shape(x)[0], tf.float32)), 0.0)
        return collections.OrderedDict(
            moved=tf.where(usable, start - moved, 0.0), loss=tf.where(usable, before, 0.0), weight=weight
        )

    state_type = initialize.type_signature.result

    @tff.tensorflow.computation(state_type, coefficients)
    def update(state: Any, moved: tf.Tensor) -> Any:
        at, optimizer = state
        optimizer, at = adam.next(optimizer, at, moved)
        return at, optimizer

    @tff.federated_computation(tff.FederatedType(state_type, tff.SERVER), tff.FederatedType(examples, tff.CLIENTS))
    def next_round(state: Any, clients: Any) -> Any:
        results = tff.federated_map(local, (tff.federated_broadcast(state[0]), clients))
        moved, loss = (tff.federated_mean(part, results.weight) for part in (results.moved, results.loss))
        return tff.federated_map(update, (state, moved)), loss

    return initialize, next_round


def train(
    clients: Sequence[Examples],
    anchor: Floats,
    pull: float,
    on_round: Callable[[int, float], None] = lambda done, loss: None,
) -> Floats:
    """Returns A after `ROUNDS` rounds with all clients, from A_0 on. `[K, 1 + F]` Needs an execution context.

    Args:
        clients: Their examples; at least one client has some.
        anchor: A_0. `[K, 1 + F]`
        pull: λ; 0 = the examples alone decide.
        on_round: Called after each round with its number and the mean loss before it, in nats a word.
    """
    initialize, next_round = build(anchor, pull / len(clients))
    state = initialize(np.asarray(anchor, np.float32))
    for done in range(1, 1 + ROUNDS):
        state, loss = next_round(state, [tuple(part) for part in clients])
        on_round(done, float(loss))
    return np.asarray(state[0])
