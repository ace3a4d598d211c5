"""Federated n-gram counts: a TFF aggregation of the counts of all training clients, one cohort at a time.

Chen et al. (2019), "Federated Learning of N-gram Language Models" (arXiv:1910.03432), derive n-grams from a federated
neural model. Here they are counted directly. A client sends the n-grams of its training messages with their counts, up
to a cap, so that no client decides a count alone. The server adds the counts, and counts the clients of each n-gram.
The smoothed table (`keyboard_model.ngram.kneser_ney`) leaves out n-grams of few clients; only this table is saved.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_federated as tff

from federated.data.federated_data import FederatedData
from keyboard_model.ngram.kneser_ney import NgramCounts, ngram_keys, ngram_occurrences
from keyboard_model.text.tokenizer import Tokenizer

COHORT = 50
"""Clients whose n-grams are in memory at the same time, in addition to the sum."""

_PARTS = NgramCounts._fields
_COUNTS = collections.OrderedDict((part, tff.TensorType(np.int64, [None])) for part in _PARTS)
_OCCURRENCES = tff.TensorType(np.int32, [None, 3])


@dataclass(frozen=True)
class NgramCountResult:
    """The counts of all clients. They contain rare n-grams, so they must not be saved.

    Attributes:
        counts: The counts.
        dropped: Clients left out because their data was unusable.
    """

    counts: NgramCounts
    dropped: int


def build(count_cap: int) -> Callable[..., Any]:
    """Returns a TFF computation `(counts so far@SERVER, occurrences [n,3]@CLIENTS) -> counts@SERVER`.

    Args:
        count_cap: Highest count of an n-gram that one client can contribute.
    """

    @tff.tensorflow.computation(_OCCURRENCES)
    def client_counts(occurrences: tf.Tensor) -> collections.OrderedDict:
        older, newer, piece = tf.unstack(tf.cast(occurrences, tf.int64), axis=1)
        keys, _, counts = tf.unique_with_counts(tf.concat(ngram_keys(older, newer, piece), 0), out_idx=tf.int64)
        return _ordered(keys, tf.minimum(counts, count_cap), tf.ones_like(counts))

    @tff.tensorflow.computation
    def no_counts() -> collections.OrderedDict:
        return _ordered(*(tf.zeros([0], tf.int64) for _ in _PARTS))

    @tff.tensorflow.computation(_COUNTS, _COUNTS)
    def add(one: collections.OrderedDict, other: collections.OrderedDict) -> collections.OrderedDict:
        keys, positions = tf.unique(tf.concat([one["keys"], other["keys"]], 0), out_idx=tf.int64)
        sums = (
            tf.math.unsorted_segment_sum(tf.concat([one[part], other[part]], 0), positions, tf.size(keys))
            for part in ("counts", "clients")
        )
        return _ordered(keys, *sums)

    @tff.tensorflow.computation(_COUNTS)
    def unchanged(counts: collections.OrderedDict) -> collections.OrderedDict:
        return counts

    @tff.federated_computation(tff.FederatedType(_COUNTS, tff.SERVER), tff.FederatedType(_OCCURRENCES, tff.CLIENTS))
    def add_cohort(so_far: object, occurrences: object) -> object:
        counts = tff.federated_map(client_counts, occurrences)
        cohort = tff.federated_aggregate(counts, no_counts(), add, add, unchanged)
        return tff.federated_map(add, (so_far, cohort))

    return add_cohort


def count(
    clients: FederatedData,
    tokenizer: Tokenizer,
    count_cap: int,
    max_pieces: int,
    on_client: Callable[[int], None] = lambda done: None,
) -> NgramCountResult:
    """Counts the n-grams of all training clients.

    Args:
        clients: The corpus; only training messages of training clients are read.
        tokenizer: Turns messages into pieces.
        count_cap: Highest count of an n-gram that one client can contribute.
        max_pieces: Pieces whose n-grams one client can contribute, those of its newest messages.
        on_client: Called after each cohort with the number of clients done.
    """
    add_cohort = build(count_cap)
    total = _ordered(*(np.zeros(0, np.int64) for _ in _PARTS))
    dropped = done = 0
    for cohort in _cohorts(clients.population.training):
        occurrences = []
        for client in cohort:
            try:
                occurrences.append(_occurrences(tokenizer, clients.training_messages(client), max_pieces))
            except (ValueError, UnicodeError):
                dropped += 1
        if occurrences:
            total = add_cohort(total, occurrences)
        done += len(cohort)
        on_client(done)
    return NgramCountResult(NgramCounts(**total), dropped)


def _ordered(*parts: Any) -> collections.OrderedDict:
    return collections.OrderedDict(zip(_PARTS, parts, strict=True))


def _cohorts(clients: Sequence[str]) -> Iterator[Sequence[str]]:
    return (clients[start : start + COHORT] for start in range(0, len(clients), COHORT))


def _occurrences(tokenizer: Tokenizer, messages: Sequence[str], most: int) -> npt.NDArray[np.int32]:
    """Returns `[n,3]` the trigrams of the newest messages, one row per occurrence, at most `most` rows."""
    newest_first = (row for message in reversed(messages) for row in ngram_occurrences(tokenizer.encode(message)))
    return np.array(list(islice(newest_first, most)), np.int32).reshape(-1, 3)
