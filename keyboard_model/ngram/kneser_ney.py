"""Interpolated Kneser-Ney smoothing of pooled counts, without the n-grams that few clients typed.

Chen and Goodman (1999), "An empirical study of smoothing techniques for language modeling", equations
22-24, one discount an order (Ney, Essen and Kneser 1994):

    share(h,w) = max(c(h,w) − D, 0) / Σ c(h,·)            D = n1 / (n1 + 2·n2), n_r: n-grams that count r

c is the count of a trigram; for lower orders, it is the number of different pieces before the n-gram. The level below
the unigrams is uniform.

An n-gram is kept if at least `min_clients` clients typed it. Counts, totals and discounts include all n-grams, so the
shares of omitted n-grams go to the level below: their total share is published, but not which n-grams they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keyboard_model.ngram.table import Floats, Level, NgramTable, contexts_of
from keyboard_model.text.tokenizer import Encoded

Ints = npt.NDArray[np.int64]
Floats64 = npt.NDArray[np.float64]

_PIECE = 1 << 16
UNIGRAM, BIGRAM, TRIGRAM = (order * _PIECE**3 for order in (1, 2, 3))
"""Offsets of the keys of each order."""


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


def ngram_keys(older: Any, newer: Any, piece: Any) -> tuple[Any, Any, Any]:
    """Returns the keys of the unigrams, bigrams and trigrams that end in `piece`: int64, in NumPy or TensorFlow."""
    bigram = newer * _PIECE + piece
    return UNIGRAM + piece, BIGRAM + bigram, TRIGRAM + older * _PIECE**2 + bigram


def kneser_ney(pooled: NgramCounts, vocab: int, min_clients: int) -> NgramTable:
    """Returns the smoothed model of `pooled`, which has all typed trigrams and the bigrams and unigrams in them.

    Args:
        pooled: Counts over all clients.
        vocab: Number of pieces.
        min_clients: Fewest clients of a published n-gram.
    """
    order = np.argsort(pooled.keys)
    all_keys, counts, clients = (part[order] for part in pooled)
    bounds = np.searchsorted(all_keys, [UNIGRAM, BIGRAM, TRIGRAM, TRIGRAM + UNIGRAM])
    unigrams, bigrams, trigrams = (slice(*bounds[i : i + 2]) for i in range(3))
    kept = clients >= min_clients

    older, newer, piece = _pieces(all_keys[trigrams])
    high = _level(contexts_of(older, newer, vocab), piece, counts[trigrams], kept[trigrams])
    _, newer, piece = _pieces(all_keys[bigrams])
    middle = _level(newer, piece, _predecessors(all_keys[trigrams] - TRIGRAM, _PIECE**2), kept[bigrams])
    _, _, piece = _pieces(all_keys[unigrams])
    shares = _shares(np.zeros_like(piece), _predecessors(all_keys[bigrams] - BIGRAM, _PIECE))
    return NgramTable(_with_uniform(piece[kept[unigrams]], shares[kept[unigrams]], vocab), middle, high)


def _pieces(found: Ints) -> tuple[Ints, Ints, Ints]:
    return found // _PIECE**2 % _PIECE, found // _PIECE % _PIECE, found % _PIECE


def _predecessors(higher: Ints, lower_keys: int) -> Ints:
    """Returns the number of different predecessors of each n-gram of the lower order, in ascending order of keys."""
    return np.asarray(np.unique(higher % lower_keys, return_counts=True)[1], np.int64)


def _level(context: Ints, piece: Ints, counts: Ints, kept: npt.NDArray[np.bool_]) -> Level:
    return Level.of(context[kept], piece[kept], _shares(context, counts)[kept])


def _shares(context: Ints, counts: Ints) -> Floats64:
    _, where = np.unique(context, return_inverse=True)
    totals = np.bincount(where, counts)
    return np.asarray(np.maximum(counts - _discount(counts), 0.0) / totals[where], np.float64)


def _discount(counts: Ints) -> float:
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return once / (once + 2 * twice) if once else 0.0


def _with_uniform(piece: Ints, shares: Floats64, vocab: int) -> Floats:
    unigram = np.full(vocab, (1.0 - shares.sum()) / vocab)
    unigram[piece] += shares
    return unigram.astype(np.float32)
