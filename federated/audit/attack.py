"""A membership attack on what a run published: how much more likely it finds a sentence than before the training.

The score of a sentence is its log-probability by the shared model (network and n-grams), minus that by the model
with which the training began, if that is known: it starts from a public base.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from federated.run import Run
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.ngram.table import NgramTable
from keyboard_model.text.tokenizer import Tokenizer

Floats = npt.NDArray[np.float64]


def scores(run: Run, texts: Sequence[str]) -> Floats:
    """Returns the score of each text, `[n]`.

    Raises:
        RunError: the run is not finished.
    """
    tokenizer, weight = run.tokenizer(), run.job().ngram.weight
    after = log_probabilities(run.parameters(), run.ngram() if weight else None, weight, tokenizer, texts)
    if not run.has_base():
        return after
    public = run.ngram("initial_ngram") if weight else None
    return after - log_probabilities(run.parameters("initial"), public, weight, tokenizer, texts)


def log_probabilities(
    parameters: Parameters, ngram: NgramTable | None, weight: float, tokenizer: Tokenizer, texts: Sequence[str]
) -> Floats:
    """Returns the log-probability of each text in nats, `[n]`.

    Args:
        parameters: The network.
        ngram: The n-grams; None = the network alone.
        weight: Their weight.
        tokenizer: The vocabulary of both.
        texts: The texts.
    """
    return np.array([_log_probability(parameters, ngram, weight, tokenizer.encode(text).ids) for text in texts])


def _log_probability(parameters: Parameters, ngram: NgramTable | None, weight: float, ids: Sequence[int]) -> float:
    features: Any = cifg_lstm.unroll(parameters, tf.constant([ids[:-1]]), ids[0])
    logits = cifg_lstm.logits(parameters, tf.reshape(features, [len(ids) - 1, -1]))
    found = tf.nn.softmax(tf.cast(logits, tf.float64)).numpy()[np.arange(len(ids) - 1), ids[1:]]
    if ngram is not None:
        before = [ids[0], *ids]
        mixed = [ngram.distribution(before[at], before[at + 1])[piece] for at, piece in enumerate(ids[1:])]
        found = (1 - weight) * found + weight * np.array(mixed)
    return float(np.log(found).sum())
