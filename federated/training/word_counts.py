"""Federated counts of the words that enough clients type: heavy hitters by two TFF computations.

1. Each client sends a hash of each of its words, with the count of the word. The server adds them up.
2. The server sends the hashes that at least `min_clients` clients sent. A client answers with its words that have them.

So the server never receives a word that fewer clients typed. (It could test its guesses by their hashes.)

A client contributes at most `max_words` words, and `count_cap` to the count of a word. This bounds the L0 and L∞
sensitivity that noise before the threshold would need.

The server's state is bounded by `capacity`, whatever the number of clients: a Misra-Gries summary (Misra and Gries
1982, "Finding repeated elements"; that summaries can be merged: Agarwal et al. 2012, "Mergeable summaries", section 3).
As long as the distinct words fit, the counts are exact. After that, a word can lose at most `error` clients, and only
too few clients are ever counted, never too many: no rare word passes `min_clients`.
"""

from __future__ import annotations

import contextlib
import io
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_federated as tff

from federated.data.corpus_share import ClientReference
from federated.job import JobError
from federated.privacy.noisy_counts import NoisyCounts, scaled
from federated.training.count_cohorts import count_cohorts
from federated.training.ngram_counts import COUNTS, joined, sums_by_key
from federated.training.spilled_counts import summed
from keyboard_model.storage.durable_files import atomic_write_private
from keyboard_model.text.units import words

KEPT_BYTES = 1 << 26
"""Bytes of words that clients keep for the second computation; the messages of other clients are read again."""

SAVE_SECONDS = 30.0
"""An interrupted count loses the work of this time."""

_BUCKETS = 2**62
"""The probability that any two of a million words share a hash is 1 in 9 million; one of them then has both counts."""
_KEY = [0x74687562, 0x7072696E]
_HASHES, _STRINGS = tff.TensorType(np.int64, [None]), tff.TensorType(np.str_, [None])
_CLIENT = tff.types.to_type((_STRINGS, _HASHES))

Ints = npt.NDArray[np.int64]
TypedWords = tuple[npt.NDArray[np.object_], Ints]
"""The words of a client and their counts."""


class FrequentHashes:
    """The most frequent hashes of all clients, in bounded memory.

    Attributes:
        error: Clients that the count of a hash can lack at most; 0 while all distinct hashes fit.
    """

    def __init__(self, capacity: int) -> None:
        """Args: capacity: Most hashes that are kept."""
        self._capacity, self.error = capacity, 0
        self._rows = np.zeros((0, 3), np.int64)
        self._added: list[Ints] = []

    @property
    def rows(self) -> Ints:
        """`[n,3]` the hashes, ascending, with their counts and their clients."""
        self._merge()
        return self._rows

    def restore(self, rows: Ints, error: int) -> None:
        """Continues with the `rows` and the `error` of an earlier object."""
        self._rows, self._added, self.error = rows, [], error

    def add(self, hashes: Ints, counts: Ints, clients: Ints) -> None:
        """Adds the sums of a cohort, `[n]` each."""
        self._added.append(np.stack([hashes, counts, clients], axis=1))
        if sum(map(len, self._added)) > self._capacity // 4:  # merging less often is faster
            self._merge()

    def of_clients(self, at_least: int) -> tuple[Ints, Ints]:
        """Returns the hashes that certainly so many clients sent, ascending, and their counts. `[m]` each"""
        rows = self.rows[self.rows[:, 2] >= at_least]
        return rows[:, 0], rows[:, 1]

    def _merge(self) -> None:
        sums = summed([self._rows, *self._added])
        if (surplus := len(sums) - self._capacity) > 0:
            lost = int(np.partition(sums[:, 2], surplus - 1)[surplus - 1])
            self.error += lost
            sums[:, 2] -= lost
            sums = sums[sums[:, 2] > 0]
        self._rows, self._added = sums, []


class SavedCount:
    """A count of words that continues where it was interrupted. It is in one file, which only its owner can read.

    The file contains hashes of rare words. Delete it as soon as the counts are used.

    Attributes:
        frequent: The hashes so far.
        names: The words found so far, by their hash.
        counted: Clients of the first computation so far.
        named: Clients of the second computation so far.
    """

    def __init__(self, capacity: int, path: Path | None = None, identity: str = "") -> None:
        """Continues the count in `path`, or starts a new one if there is none, or a damaged or another one.

        Args:
            capacity: See `FrequentHashes`.
            path: The file; None = nothing is saved.
            identity: Names what is counted.
        """
        self._path, self._identity, self._saved_at = path, identity, time.monotonic()
        self.frequent, self.names = FrequentHashes(capacity), dict[int, str]()
        self.counted = self.named = 0
        if path is None:
            return
        with contextlib.suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            saved = np.load(io.BytesIO(path.read_bytes()))
            rows, names = saved["rows"], str(saved["names"]).split("\n")
            if str(saved["identity"]) == identity:
                self.frequent.restore(rows, int(saved["error"]))
                self.names = dict(zip(saved["hashes"].tolist(), names, strict=False))
                self.counted, self.named = map(int, saved["clients"])

    def save(self) -> None:
        """Writes the file if it is older than `SAVE_SECONDS`.

        Raises:
            OSError: it cannot be written; the file from before is intact.
        """
        if self._path is None or time.monotonic() - self._saved_at < SAVE_SECONDS:
            return
        content = io.BytesIO()
        np.savez(
            content,
            identity=np.array(self._identity),
            rows=self.frequent.rows,
            error=np.int64(self.frequent.error),
            hashes=np.array(list(self.names), np.int64),
            names=np.array("\n".join(self.names.values())),
            clients=np.array([self.counted, self.named]),
        )
        atomic_write_private(self._path, content.getvalue())
        self._saved_at = time.monotonic()


def build(count_cap: int, norm: float | None = None) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns the two TFF computations.

    Args:
        count_cap: Highest count of a word that one client can contribute.
        norm: Largest norm of the counts of a client, which are then sent in units (`federated.privacy.noisy_counts`);
            None = clients send their counts as they are.

    Returns:
        `(words [n], counts [n])@CLIENTS -> (hashes [m], counts [m], clients [m])@SERVER`, and
        `(hashes [h]@SERVER, (words [n], counts [n])@CLIENTS) -> (words [m], their hashes [m])@SERVER`; h is above 0.
    """

    @tff.tensorflow.computation(_CLIENT)
    def hashed(typed: Any) -> Any:
        own, counts = typed
        counts = tf.minimum(counts, count_cap)
        return _hashes(own), counts if norm is None else scaled(counts, norm), tf.ones_like(counts)

    @tff.tensorflow.computation(COUNTS)
    def sums(parts: Any) -> Any:
        return sums_by_key(*parts)

    @tff.federated_computation(tff.FederatedType(_CLIENT, tff.CLIENTS))
    def count(typed: Any) -> Any:
        return joined(tff.federated_map(hashed, typed), sums)

    @tff.tensorflow.computation(_HASHES, _CLIENT)
    def wanted_words(wanted: Any, typed: Any) -> Any:
        hashes = _hashes(typed[0])
        at = tf.minimum(tf.searchsorted(wanted, hashes, out_type=tf.int64), tf.size(wanted, tf.int64) - 1)
        return (tf.boolean_mask(typed[0], tf.equal(tf.gather(wanted, at), hashes)),)

    @tff.tensorflow.computation(tff.types.to_type((_STRINGS,)))
    def distinct(parts: Any) -> Any:
        found = tf.unique(parts[0]).y
        return found, _hashes(found)

    @tff.federated_computation(tff.FederatedType(_HASHES, tff.SERVER), tff.FederatedType(_CLIENT, tff.CLIENTS))
    def name(wanted: Any, typed: Any) -> Any:
        found = tff.federated_map(wanted_words, (tff.federated_broadcast(wanted), typed))
        return joined(found, distinct)

    return count, name


@dataclass(frozen=True)
class WordReader:
    """Turns the messages of a client into its words and their counts.

    Attributes:
        max_words: A client contributes at most so many words, those that it types most.
    """

    max_words: int

    @property
    def kind(self) -> tff.Type:
        """See `ClientReader`."""
        return _CLIENT

    def read(self, client: str, messages: Sequence[str], turn: int) -> TypedWords:
        """See `ClientReader`."""
        counts = Counter(word for message in messages for word in words(message))
        most = counts.most_common(self.max_words)
        return np.array([word.encode() for word, _ in most], object), np.array([count for _, count in most], np.int64)

    def nothing(self) -> TypedWords:
        """See `ClientReader`."""
        return self.read("", [], 0)


def shared_word_counts(
    clients: Iterable[str],
    read: Callable[[str], TypedWords | ClientReference],
    *,
    min_clients: int,
    count_cap: int,
    into: SavedCount,
    noise: NoisyCounts | None = None,
    on_client: Callable[[int], None] = lambda done: None,
) -> dict[str, int]:
    """Counts the words that at least `min_clients` clients typed.

    Every phone gets the vocabulary, so it must not contain a word that only one client types: that would reveal the
    client. What is no word in `keyboard_model.text.units` is not counted, such as a run of more than `MAX_LETTERS`.

    Only one cohort of clients is in memory, and the capacity of `into`. The clients can be streamed from a corpus.

    Args:
        clients: The ids of the clients; read twice, so not an iterator. In the same order when a count is continued.
        read: Returns the words of a client (`WordReader`), or a reference to them; called once or twice for each.
        min_clients: Only words of at least this many clients are returned.
        count_cap: A client contributes at most this much to the count of a word.
        into: The count so far. A count that was interrupted continues after the clients that were saved. With more
            distinct words than its capacity, the counts are lower bounds.
        noise: That of a private training, whose threshold decides instead of `min_clients`; None = it is not private.
        on_client: Called after each cohort of the first computation with the number of clients done.

    Returns:
        The count of each word.

    Raises:
        OSError: the count cannot be saved.
        TypeError: `clients` is an iterator.
        JobError: a private training has more distinct words than the capacity.
    """
    if iter(clients) is clients:
        raise TypeError("the clients are read twice: pass a sequence of ids, not an iterator")
    typed = _ClientWords(read)
    count, name = build(count_cap, noise.norm if noise else None)
    for cohort in count_cohorts(map(typed.read, islice(clients, into.counted, None))):
        into.frequent.add(*count(cohort))
        into.counted += len(cohort)
        on_client(into.counted)
        into.save()
    if noise is None:
        wanted, counts = into.frequent.of_clients(min_clients)
    elif into.frequent.error:  # what is left out would depend on single users
        raise JobError("the users typed more distinct words than tokenizer.capacity: raise it, as [privacy] needs all")
    else:
        wanted, counts = noise.published(*into.frequent.rows.T[:2])
    count_of = dict(zip(wanted.tolist(), counts.tolist(), strict=True))
    for cohort in count_cohorts(map(typed.read, islice(clients, into.named, None))):
        unnamed = np.array(sorted(count_of.keys() - into.names.keys()), np.int64)
        if not len(unnamed):
            break
        found, hashes = name(unnamed, cohort)
        into.names |= {int(its_hash): word.decode() for word, its_hash in zip(found, hashes, strict=True)}
        into.named += len(cohort)
        into.save()
    return {into.names[its_hash]: its_count for its_hash, its_count in count_of.items() if its_hash in into.names}


class _ClientWords:
    """Reads the words of clients, which keep them for a second reading as long as there is room."""

    def __init__(self, read: Callable[[str], TypedWords | ClientReference]) -> None:
        self._read = read
        self._kept: dict[str, TypedWords] = {}
        self._room = KEPT_BYTES

    def read(self, client: str) -> tuple[TypedWords | ClientReference, int]:
        """Returns the words of a client, and their number if it is known here."""
        typed = self._kept.get(client) or self._read(client)
        if isinstance(typed, ClientReference):
            return typed, 0
        if client not in self._kept:
            self._room -= sum(map(len, typed[0]), 64 * len(typed[0]))
            if self._room >= 0:
                self._kept[client] = typed
        return typed, len(typed[0])


def _hashes(own: Any) -> Any:
    return tf.strings.to_hash_bucket_strong(own, _BUCKETS, _KEY)
