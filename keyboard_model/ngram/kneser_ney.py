"""Interpolated Kneser-Ney smoothing of pooled counts, without the n-grams that few clients typed.

Chen and Goodman (1999), "An empirical study of smoothing techniques for language modeling", equations
22-24, one discount an order (Ney, Essen and Kneser 1994):

    share(h,w) = max(c(h,w) − D, 0) / Σ c(h,·)            D = n1 / (n1 + 2·n2), n_r: n-grams that count r

c is the count of a trigram; for lower orders, it is the number of different pieces before the n-gram. The level below
the unigrams is uniform.

An n-gram is kept if at least `min_clients` clients typed it. Counts, totals and discounts include all n-grams, so the
shares of omitted n-grams go to the level below: their total share is published, but not which n-grams they are.

The counts are read once, in ascending order of keys. Only the kept n-grams and a few numbers for each piece are in
memory, so the memory does not depend on the number of clients.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keyboard_model.ngram.table import Floats, Level, NgramTable, contexts_of
from keyboard_model.text.tokenizer import Encoded

Ints = npt.NDArray[np.int64]
Floats64 = npt.NDArray[np.float64]

_PIECE = 1 << 16
UNIGRAM, BIGRAM, TRIGRAM, ROTATED = (section * _PIECE**3 for section in (1, 2, 3, 4))
"""Offsets of the keys of each order, and of the trigrams whose oldest piece comes last."""


class NgramCounts(NamedTuple):
    """Distinct n-grams of all three orders over clients, `[n]` int64 each.

    keys: see `ngram_keys`. counts: how often each was typed. clients: how many clients typed it.
    """

    keys: Ints
    counts: Ints
    clients: Ints


def ngram_occurrences(message: Encoded) -> Iterator[tuple[int, int, int]]:
    """Yields (older, newer, piece) for each piece of a word; missing context is BOS, the message's first id."""
    ids = [message.ids[0], *message.ids]
    for position, word in enumerate(message.word_of):
        if word >= 0:
            yield ids[position - 1], ids[position], ids[position + 1]


def ngram_keys(older: Any, newer: Any, piece: Any) -> tuple[Any, Any, Any, Any]:
    """Returns the keys of the n-grams that end in `piece`: int64, in NumPy or TensorFlow.

    Each trigram has two keys. In the order of the first one, the trigrams of a context are neighbours; in the order of
    the second one, those that end in the same bigram are. So one reading in order finds totals and predecessors.

    Returns:
        Unigrams, bigrams, trigrams (older, newer, piece), trigrams (newer, piece, older).
    """
    bigram = newer * _PIECE + piece
    return (
        UNIGRAM + piece,
        BIGRAM + bigram,
        TRIGRAM + older * _PIECE**2 + bigram,
        ROTATED + bigram * _PIECE + older,
    )


def kneser_ney(pooled: Iterable[NgramCounts], vocab: int, min_clients: int, max_ngrams: int) -> NgramTable:
    """Returns the smoothed model of `pooled`, which has all typed trigrams and the bigrams and unigrams in them.

    Args:
        pooled: Counts over all clients, in blocks of any size; keys ascend over all blocks, each occurs once.
        vocab: Number of pieces.
        min_clients: Fewest clients of a published n-gram.
        max_ngrams: Most bigrams and trigrams. If there are more, those of the fewest clients are omitted: `min_clients`
            is raised for bigrams and trigrams until the rest is few enough.
    """
    typed, kept_unigrams = np.zeros(vocab, np.bool_), np.zeros(vocab, np.bool_)
    kept, trigrams, bigrams = _Kept(min_clients, max_ngrams), _Discount(), _Discount()
    before_unigram, after_piece = np.zeros(vocab, np.int64), np.zeros(vocab, np.int64)
    for keys, counts, clients in _whole_contexts(pooled):
        section = [slice(*keys.searchsorted([start, start + UNIGRAM])) for start in (UNIGRAM, BIGRAM, TRIGRAM, ROTATED)]
        piece = keys[section[0]] % _PIECE
        typed[piece] = True
        kept_unigrams[piece] = clients[section[0]] >= min_clients

        found = section[1]
        before_unigram += np.bincount(keys[found] % _PIECE, minlength=vocab)
        kept.add(keys[found], counts[found], np.zeros_like(keys[found]), clients[found])

        found = section[2]
        _, begins, where = np.unique(keys[found] // _PIECE, return_index=True, return_inverse=True)
        totals = np.add.reduceat(counts[found], begins) if len(begins) else begins
        trigrams.add(counts[found])
        kept.add(keys[found], counts[found], totals[where], clients[found])

        bigram, before = np.unique(keys[section[3]] // _PIECE - ROTATED // _PIECE, return_counts=True)
        bigrams.add(before)
        np.add.at(after_piece, bigram // _PIECE, before)
        kept.set_counts(BIGRAM + bigram, before)

    keys, counts, totals = kept.rows()
    high = slice(int(keys.searchsorted(TRIGRAM)), None)
    older, newer, piece = pieces_of(keys[high])
    trigram_shares = trigrams.shares(counts[high], totals[high])
    low = slice(0, high.start)
    _, context, end = pieces_of(keys[low])
    pieces = np.flatnonzero(typed)
    unigrams = _Discount()
    unigrams.add(before_unigram[pieces])
    unigram_shares = unigrams.shares(before_unigram[pieces], before_unigram.sum())
    published = kept_unigrams[pieces]
    return NgramTable(
        with_uniform(pieces[published], unigram_shares[published], vocab),
        Level.of(context, end, bigrams.shares(counts[low], after_piece[context])),
        Level.of(contexts_of(older, newer, vocab), piece, trigram_shares),
    )


class _Discount:
    """The discount of an order, from the counts of all its n-grams."""

    def __init__(self) -> None:
        self._once = self._twice = 0

    def add(self, counts: Ints) -> None:
        self._once += int((counts == 1).sum())
        self._twice += int((counts == 2).sum())

    def shares(self, counts: Ints, totals: Any) -> Floats64:
        discount = self._once / (self._once + 2 * self._twice) if self._once else 0.0
        return np.asarray(np.maximum(counts - discount, 0.0) / totals, np.float64)


class _Kept:
    """The bigrams and trigrams that are published: their keys, counts and totals of their contexts, by key."""

    def __init__(self, min_clients: int, most: int) -> None:
        self._min_clients, self._most, self._size = min_clients, most, 0
        self._parts: list[Ints] = [np.zeros((4, 0), np.int64)]

    def add(self, keys: Ints, counts: Ints, totals: Ints, clients: Ints) -> None:
        enough = clients >= self._min_clients
        self._parts.append(np.stack([keys, counts, totals, clients])[:, enough])
        self._size += int(enough.sum())
        if self._size > 2 * self._most:
            self._limit()

    def set_counts(self, keys: Ints, counts: Ints) -> None:
        """Replaces the counts of those of the `keys` that are kept; after the last `add`."""
        if len(keys):
            all_keys, all_counts, _ = self.rows()
            at = all_keys.searchsorted(keys)
            found = all_keys[np.minimum(at, len(all_keys) - 1)] == keys if len(all_keys) else np.zeros(len(keys), bool)
            all_counts[at[found]] = counts[found]

    def rows(self) -> tuple[Ints, Ints, Ints]:
        if len(self._parts) > 1:
            self._limit()
        return self._parts[0][0], self._parts[0][1], self._parts[0][2]

    def _limit(self) -> None:
        rows = np.concatenate(self._parts, axis=1)
        clients = rows[3]
        if (surplus := len(clients) - self._most) > 0:
            self._min_clients = max(self._min_clients, int(np.partition(clients, surplus - 1)[surplus - 1]) + 1)
        self._parts = [rows[:, clients >= self._min_clients]]
        self._size = self._parts[0].shape[1]


def _whole_contexts(blocks: Iterable[NgramCounts]) -> Iterator[NgramCounts]:
    """Cuts blocks so that n-grams that differ only in their last piece are in one block."""
    rest = np.zeros((3, 0), np.int64)
    for block in blocks:
        rows = np.concatenate([rest, np.stack(block)], axis=1)
        if rows.shape[1]:
            context = rows[0] // _PIECE
            cut = int(context.searchsorted(context[-1]))
            yield NgramCounts(*rows[:, :cut])
            rest = rows[:, cut:]
    yield NgramCounts(*rest)


def pieces_of(found: Ints) -> tuple[Ints, Ints, Ints]:
    return found // _PIECE**2 % _PIECE, found // _PIECE % _PIECE, found % _PIECE


def with_uniform(piece: Ints, shares: Floats64, vocab: int) -> Floats:
    unigram = np.full(vocab, (1.0 - shares.sum()) / vocab)
    unigram[piece] += shares
    return unigram.astype(np.float32)
