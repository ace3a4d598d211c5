"""Recall by word from piece scores, inside TensorFlow: what validation reads in every evaluation round.

Only words of one piece can be hit here; the phone's search spells the others as well, so the recall
of a bundle on the phone (`thumbprint simulate`) is this or a little more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keyboard_model import language_model
from keyboard_model.tokenizer import Tokenizer
from keyboard_model.windows import IGNORE, Ids

SUGGESTIONS = 3


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
    """`[N,T]` 1 where a word's first piece is the target, else 0."""
    flat = word_ids.reshape(-1)
    starts = (flat >= 0) & (flat != np.concatenate([[-1], flat[:-1]]))
    return starts.astype(np.int32).reshape(word_ids.shape)


def whole_word_penalty(tokenizer: Tokenizer) -> np.ndarray:
    """`[V]` 0 for a piece that is a whole word, a large negative number for all others."""
    penalty = np.full(len(tokenizer), -1e9, np.float32)
    penalty[list(tokenizer.single_piece_words)] = 0.0
    return penalty


def tally(scores: tf.Tensor, targets: tf.Tensor, starts: tf.Tensor, penalty: tf.Tensor) -> Tally:
    """Counts one batch. `scores [N,V]`, `targets [N]`, `starts [N]`, `penalty [V]`."""
    counted = tf.cast(tf.not_equal(targets, IGNORE), tf.float32) * tf.cast(starts, tf.float32)
    shown = tf.math.top_k(scores + penalty, SUGGESTIONS).indices
    hits = tf.cast(tf.equal(shown, targets[:, tf.newaxis]), tf.float32) * counted[:, tf.newaxis]
    return Tally(
        words=tf.reduce_sum(counted),
        hits_at_1=tf.reduce_sum(hits[:, 0]),
        hits_at_3=tf.reduce_sum(hits),
        loss_sum=tf.reduce_sum(language_model.token_losses(scores, targets)),
    )
