"""Federated n-gram counts: a TFF aggregation of the counts of each cohort, whose sums are merged on disk.

Chen et al. (2019), "Federated Learning of N-gram Language Models" (arXiv:1910.03432), derive n-grams from a federated
neural model. Here they are counted directly. A client sends the n-grams of its training messages with their counts, up
to a cap, so that no client decides a count alone. The server adds the counts, and counts the clients of each n-gram.
The smoothed table (`keyboard_model.ngram.kneser_ney`) leaves out n-grams of few clients; only this table is published.

A message between the server and a worker holds one cohort at most, so its size does not depend on the number of
clients. `federated.training.spilled_counts` adds up the cohorts in constant memory.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_federated as tff

from federated.data.corpus_share import ClientReference
from federated.privacy.noisy_counts import scaled
from federated.training.count_cohorts import count_cohorts
from federated.training.spilled_counts import SpilledCounts
from keyboard_model.ngram.kneser_ney import UNIGRAM, NgramCounts, ngram_keys, ngram_occurrences
from keyboard_model.text.tokenizer import Tokenizer

_PARTS = NgramCounts._fields
COUNTS = tff.types.to_type((tff.TensorType(np.int64, [None]),) * len(_PARTS))
"""The TFF type of keys, counts and clients, `[n]` each."""
_OCCURRENCES = tff.TensorType(np.int32, [None, 3])
Occurrences = npt.NDArray[np.int32]
"""`[n,3]` trigrams of pieces, one row per occurrence."""


class Private(NamedTuple):
    """How clients count in a private training (`federated.privacy.noisy_counts`).

    Attributes:
        norm: Largest norm of the counts of a client, which are sent in units.
        bos: The piece that begins a message. It is counted as a context, too.
    """

    norm: float
    bos: int


def build(count_cap: int, private: Private | None = None) -> Callable[..., Any]:
    """Returns a TFF computation `occurrences [n,3]@CLIENTS -> counts@SERVER`.

    Args:
        count_cap: Highest count of an n-gram that one client can contribute.
        private: See `Private`; None = clients send their counts as they are.
    """

    @tff.tensorflow.computation(_OCCURRENCES)
    def client_counts(occurrences: tf.Tensor) -> Any:
        older, newer, piece = tf.unstack(tf.cast(occurrences, tf.int64), axis=1)
        every = ngram_keys(older, newer, piece)
        if private:  # trigrams in the other order are for smoothing, which noisy counts do not need
            every = (*every[:3], UNIGRAM + tf.boolean_mask(newer, tf.equal(newer, private.bos)))
        keys, _, counts = tf.unique_with_counts(tf.concat(every, 0), out_idx=tf.int64)
        counts = tf.minimum(counts, count_cap)
        return keys, scaled(counts, private.norm) if private else counts, tf.ones_like(counts)

    @tff.tensorflow.computation(COUNTS)
    def sums(parts: Any) -> collections.OrderedDict:
        return _ordered(*sums_by_key(*parts))

    @tff.federated_computation(tff.FederatedType(_OCCURRENCES, tff.CLIENTS))
    def cohort_counts(occurrences: object) -> object:
        return joined(tff.federated_map(client_counts, occurrences), sums)

    return cohort_counts


def joined(parts: Any, report: Any) -> Any:
    """Joins tuples of tensors `[n]` of all clients, and applies `report`, a TFF computation of the joined ones.

    To add up once, in `report`, is faster than after each client.
    """
    kind = parts.type_signature.member

    @tff.tensorflow.computation
    def nothing() -> Any:
        return tuple(tf.zeros([0], tf.as_dtype(part.dtype)) for part in kind)

    @tff.tensorflow.computation(kind, kind)
    def join(one: Any, other: Any) -> Any:
        return tuple(tf.concat(pair, 0) for pair in zip(one, other, strict=True))

    return tff.federated_aggregate(parts, nothing(), join, join, report)


def sums_by_key(keys: tf.Tensor, *counts: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns the distinct keys `[m]`, and the sums of each of the counts for them. All have the shape `[n]`."""
    distinct, positions = tf.unique(keys, out_idx=tf.int64)
    return distinct, *(tf.math.unsorted_segment_sum(part, positions, tf.size(distinct)) for part in counts)


@dataclass(frozen=True)
class NgramReader:
    """Turns the messages of a client into its n-grams.

    Attributes:
        tokenizer: Turns messages into pieces.
        max_pieces: Pieces whose n-grams one client can contribute, those of its newest messages.
    """

    tokenizer: Tokenizer
    max_pieces: int

    @property
    def kind(self) -> tff.Type:
        """See `ClientReader`."""
        return _OCCURRENCES

    def read(self, client: str, messages: Sequence[str], turn: int) -> Occurrences:
        """Returns `[n,3]` the trigrams of the newest messages, one row per occurrence, at most `max_pieces` rows."""
        newest_first = (row for text in reversed(messages) for row in ngram_occurrences(self.tokenizer.encode(text)))
        return np.array(list(islice(newest_first, self.max_pieces)), np.int32).reshape(-1, 3)

    def nothing(self) -> Occurrences:
        """See `ClientReader`."""
        return np.zeros((0, 3), np.int32)


def count(
    clients: Iterable[str],
    read: Callable[[str], Occurrences | ClientReference],
    into: SpilledCounts,
    *,
    count_cap: int,
    private: Private | None = None,
    on_client: Callable[[int], None] = lambda done: None,
) -> None:
    """Counts the n-grams of all clients, and saves them in `into`.

    A count that was interrupted continues with the client after those that were saved. The clients are read in one
    pass, and only one cohort is in memory: they can be a generator of ids.

    Args:
        clients: The ids of the clients, in the same order whenever a count is continued.
        read: Returns the n-grams of a client (`NgramReader`), or a reference to them; it is not called for clients that
            are already counted. A ValueError leaves the client out.
        into: The sums so far.
        count_cap: Highest count of an n-gram that one client can contribute.
        private: See `Private`; None = the sums are of plain counts.
        on_client: Called after each cohort with the number of clients done.

    Raises:
        OSError: the sums cannot be written.
    """
    cohort_counts = build(count_cap, private)

    def usable(client: str) -> Occurrences | ClientReference | None:
        try:
            return read(client)
        except (ValueError, UnicodeError):
            return None

    def sized(data: Occurrences | ClientReference | None) -> tuple[Occurrences | ClientReference | None, int]:
        return data, len(data) if isinstance(data, np.ndarray) else 0

    for cohort in count_cohorts(sized(usable(client)) for client in islice(clients, into.clients, None)):
        data = [occurrences for occurrences in cohort if occurrences is not None]
        counts = cohort_counts(data) if data else _ordered(*(np.zeros(0, np.int64) for _ in _PARTS))
        into.add(NgramCounts(**counts), clients=len(cohort), dropped=len(cohort) - len(data))
        on_client(into.clients)
    into.save()


def _ordered(*parts: Any) -> collections.OrderedDict:
    return collections.OrderedDict(zip(_PARTS, parts, strict=True))
