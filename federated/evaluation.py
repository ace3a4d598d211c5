"""The shared model on clients' own text, as a TFF computation: each client's tally stays apart.

Per client first, aggregates afterwards: mean, median and worst case over clients are what
personalization is judged by, and a sum over all words would hide them.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated import fed_avg, word_recall
from federated.client_data import batches
from federated.word_recall import Tally
from keyboard_model import language_model
from keyboard_model.language_model import Parameters
from keyboard_model.tokenizer import Tokenizer
from keyboard_model.windows import pack

EvaluationBatches = list["collections.OrderedDict[str, np.ndarray]"]


def evaluation_batches(tokenizer: Tokenizer, messages: Sequence[str], batch: int, window: int) -> EvaluationBatches:
    """Returns a client's messages as batches of tokens, targets and word starts, in order."""
    windows = pack((tokenizer.encode(message) for message in messages), window, tokenizer.bos)
    starts = word_recall.word_starts(windows.word_ids)
    made = batches(windows.tokens, windows.targets, batch, tokenizer.bos)
    padding = np.zeros((-len(starts) % batch, window), np.int32)
    starts = np.concatenate([starts, padding])
    for i, part in enumerate(made):
        part["starts"] = starts[i * batch : (i + 1) * batch]
    return made


def evaluation_type(batch: int, window: int) -> tff.SequenceType:
    """The type of `evaluation_batches`."""
    matrix = tff.TensorType(np.int32, [batch, window])
    return tff.SequenceType(collections.OrderedDict(tokens=matrix, targets=matrix, starts=matrix))


def tally_batches(
    score: Callable[[tf.Tensor], tf.Tensor],
    parameters: Parameters,
    data: tf.data.Dataset,
    penalty: tf.Tensor,
    bos: int,
) -> Tally:
    """Sums a client's tallies; `score` turns features `[N,E]` into `[N,V]`."""

    def reduce(total: Tally, batch: collections.OrderedDict) -> Tally:
        features = language_model.unroll(parameters, batch["tokens"], bos)
        scores = score(tf.reshape(features, [-1, features.shape[2]]))
        targets, starts = (tf.reshape(batch[name], [-1]) for name in ("targets", "starts"))
        return word_recall.add(total, word_recall.tally(scores, targets, starts, penalty))

    return data.reduce(Tally(*(tf.constant(value) for value in word_recall.EMPTY)), reduce)


def build(parameters: Parameters, tokenizer: Tokenizer, batch: int, window: int) -> Callable[..., Any]:
    """Returns a TFF computation `(weights@SERVER, batches@CLIENTS) -> tallies@CLIENTS`."""
    kind = fed_avg.weights_type(parameters)
    penalty = word_recall.whole_word_penalty(tokenizer)
    bos = tokenizer.bos

    @tff.tensorflow.computation(kind, evaluation_type(batch, window))
    def local(weights: tff.learning.models.ModelWeights, data: tf.data.Dataset) -> dict[str, tf.Tensor]:
        shared = Parameters(*weights.trainable)

        def score(features: tf.Tensor) -> tf.Tensor:
            return language_model.logits(shared, features)

        return tally_batches(score, shared, data, tf.constant(penalty), bos)._asdict()

    @tff.federated_computation(
        tff.FederatedType(kind, tff.SERVER), tff.FederatedType(evaluation_type(batch, window), tff.CLIENTS)
    )
    def evaluate(weights: object, data: object) -> object:
        return tff.federated_map(local, (tff.federated_broadcast(weights), data))

    return evaluate
