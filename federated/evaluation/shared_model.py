"""Tests the shared model on clients' own text, in TFF, with a separate tally for each client.

Personalization is judged by the mean, the median and the worst case over clients, and a sum over all words would hide
these. Recall by word is computed from piece scores in TensorFlow. Only a word of a single piece can be a hit. A phone
also finds words of several pieces, so the recall of a bundle (`thumbprint simulate`) is equal or slightly higher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated.local_training.batch_loop import fold, gathered
from federated.runtime.tff_types import weights_type
from keyboard_model.batching import Ids, batches, pack
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import Tokenizer

SUGGESTIONS = 3

CLIENTS_PER_CALL = 25
"""Clients whose text is in memory at the same time in an evaluation; it bounds the memory for any number of clients."""

_Client = TypeVar("_Client")


def calls(clients: Sequence[_Client]) -> Iterator[Sequence[_Client]]:
    """Yields the clients of one TFF call after the other, at most `CLIENTS_PER_CALL` each."""
    for start in range(0, len(clients), CLIENTS_PER_CALL):
        yield clients[start : start + CLIENTS_PER_CALL]


class Tally(NamedTuple):
    """Sums over words; every field a float32 scalar. `loss_sum` in nats."""

    words: tf.Tensor
    hits_at_1: tf.Tensor
    hits_at_3: tf.Tensor
    loss_sum: tf.Tensor


EMPTY = Tally(0.0, 0.0, 0.0, 0.0)


def add(first: Tally, second: Tally) -> Tally:
    return Tally(*(one + other for one, other in zip(first, second, strict=True)))


def word_starts(word_ids: Ids) -> Ids:
    """Returns `[N,T]`: 1 where the target is the first piece of a word, else 0."""
    flat = word_ids.reshape(-1)
    starts = (flat >= 0) & (flat != np.concatenate([[-1], flat[:-1]]))
    return starts.astype(np.int32).reshape(word_ids.shape)


def whole_word_penalty(tokenizer: Tokenizer) -> np.ndarray:
    """Returns `[V]`: 0 for a piece that is a whole word, a large negative number for any other piece."""
    penalty = np.full(len(tokenizer), -1e9, np.float32)
    penalty[list(tokenizer.single_piece_words)] = 0.0
    return penalty


def tally(scores: tf.Tensor, targets: tf.Tensor, starts: tf.Tensor, penalty: tf.Tensor) -> Tally:
    """Returns the sums of one batch, from `scores [N,V]`, `targets [N]`, `starts [N]` and `penalty [V]`."""
    counted = cifg_lstm.counted(targets) * tf.cast(starts, tf.float32)
    shown = tf.math.top_k(scores + penalty, SUGGESTIONS).indices
    hits = tf.cast(tf.equal(shown, targets[:, tf.newaxis]), tf.float32) * counted[:, tf.newaxis]
    return Tally(
        words=tf.reduce_sum(counted),
        hits_at_1=tf.reduce_sum(hits[:, 0]),
        hits_at_3=tf.reduce_sum(hits),
        loss_sum=tf.reduce_sum(cifg_lstm.token_losses(scores, targets)),
    )


class EvaluationBatch(NamedTuple):
    """`tokens`, `targets` and `starts`, each `[B,T]` int32; `starts` is 1 where the target is a word's first piece."""

    tokens: Ids
    targets: Ids
    starts: Ids


def evaluation_batches(tokenizer: Tokenizer, messages: Sequence[str], batch: int, window: int) -> list[EvaluationBatch]:
    """Returns a client's messages as batches of tokens, targets and word starts, in order; no messages, no batches."""
    windows = pack((tokenizer.encode(message) for message in messages), window, tokenizer.bos)
    starts = np.pad(word_starts(windows.word_ids), ((0, -len(windows.tokens) % batch), (0, 0)))
    return [
        EvaluationBatch(*part, starts[i * batch : (i + 1) * batch])
        for i, part in enumerate(batches(windows.tokens, windows.targets, batch, tokenizer.bos))
    ]


def evaluation_type(batch: int, window: int) -> tff.SequenceType:
    """Returns the TFF type of `evaluation_batches`, without names (see `federated.runtime.tff_types.batch_type`)."""
    matrix = tff.TensorType(np.int32, [batch, window])
    return tff.SequenceType(tff.types.to_type((matrix, matrix, matrix)))


def tally_batches(
    score: Callable[[tf.Tensor], tf.Tensor],
    parameters: Parameters,
    batches: EvaluationBatch,
    penalty: tf.Tensor,
    bos: int,
) -> Tally:
    """Returns the sums over a client's batches `[n,B,T]`; `score` turns features `[N,E]` into scores `[N,V]`."""

    def add_batch(total: Tally, batch: EvaluationBatch) -> Tally:
        features = cifg_lstm.unroll(parameters, batch.tokens, bos)
        scores = score(tf.reshape(features, [-1, features.shape[2]]))
        targets, starts = (tf.reshape(part, [-1]) for part in (batch.targets, batch.starts))
        return add(total, tally(scores, targets, starts, penalty))

    return fold(add_batch, EMPTY, batches)


def build(parameters: Parameters, tokenizer: Tokenizer, batch: int, window: int) -> Callable[..., Any]:
    """Returns a TFF computation `(weights@SERVER, batches@CLIENTS) -> tallies@CLIENTS`."""
    kind = weights_type(parameters)
    penalty = whole_word_penalty(tokenizer)
    bos = tokenizer.bos

    @tff.tensorflow.computation(kind, evaluation_type(batch, window))
    def local(weights: tff.learning.models.ModelWeights, data: tf.data.Dataset) -> dict[str, tf.Tensor]:
        shared = Parameters(*weights.trainable)

        def score(features: tf.Tensor) -> tf.Tensor:
            return cifg_lstm.logits(shared, features)

        return tally_batches(score, shared, gathered(data, EvaluationBatch), tf.constant(penalty), bos)._asdict()

    @tff.federated_computation(
        tff.FederatedType(kind, tff.SERVER), tff.FederatedType(evaluation_type(batch, window), tff.CLIENTS)
    )
    def evaluate(weights: object, data: object) -> object:
        return tff.federated_map(local, (tff.federated_broadcast(weights), data))

    return evaluate
