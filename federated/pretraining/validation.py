"""Measures a base on held-out lines, by word, as `federated.evaluation.shared_model` measures users' text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from federated.evaluation import shared_model
from federated.evaluation.shared_model import EvaluationBatch
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import Tokenizer

_BATCHES_AT_A_TIME = 50


class Validation(NamedTuple):
    """Figures of the neural model. Only a word of a single piece can be a hit."""

    words: int
    recall_at_1: float
    recall_at_3: float
    nats_per_word: float


def validate(
    parameters: Parameters, tokenizer: Tokenizer, lines: Sequence[str], *, batch: int, window: int
) -> Validation | None:
    """Returns the figures of a model on these lines; None if they have no words."""
    batches = shared_model.evaluation_batches(tokenizer, lines, batch, window)
    weights = Parameters(*map(tf.constant, parameters))
    penalty = tf.constant(shared_model.whole_word_penalty(tokenizer))
    matrices = tf.TensorSpec([None, batch, window], tf.int32)

    @tf.function(input_signature=[EvaluationBatch(matrices, matrices, matrices)])
    def tally(data: EvaluationBatch) -> shared_model.Tally:
        def score(features: tf.Tensor) -> tf.Tensor:
            return cifg_lstm.logits(weights, features)

        return shared_model.tally_batches(score, weights, data, penalty, tokenizer.bos)

    total = np.zeros(len(shared_model.Tally._fields))
    rest = iter(batches)
    while part := list(islice(rest, _BATCHES_AT_A_TIME)):
        total += [float(value) for value in tally(EvaluationBatch(*map(np.stack, zip(*part, strict=True))))]
    words, at_1, at_3, loss = total
    return Validation(int(words), at_1 / words, at_3 / words, loss / words) if words else None
