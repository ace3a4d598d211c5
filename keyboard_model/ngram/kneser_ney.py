"""Interpolated Kneser-Ney smoothing of pooled counts, with n-grams that few people typed left out.

Chen and Goodman (1999), "An empirical study of smoothing techniques for language modeling", equations
22-24, one discount an order (Ney, Essen and Kneser 1994):

    share(h,w) = max(c(h,w) − D, 0) / Σ c(h,·)            D = n1 / (n1 + 2·n2), n_r: n-grams that count r

c: how often a trigram was typed; of lower orders, how many different pieces came before the n-gram. The
level below the unigrams is uniform.

An n-gram is kept if at least `min_clients` people typed it. Counts, totals and discounts are those of all
n-grams, so the ones left out give their share to the level below: what is published of them is how much
they are together, never which they are.
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
"""What a key of each order begins with."""


class NgramCounts(NamedTuple):
    """N-grams of all three orders over clients, `[n]` int64 each, none twice.

    keys: see `ngram_keys`. counts: how often it was typed. clients: by how many.
    """

    keys: Ints
    counts: Ints
    clients: Ints


def ngram_occurrences(message: Encoded) -> Iterator[tuple[int, int, int]]:
    """Yields (older, newer, piece) for each piece of a word; BOS, a message's first id, stands before it, too."""
    ids = [message.ids[0], *message.ids]
    for position, word in enumerate(message.word_of):
        if word >= 0:
            yield ids[position - 1], ids[position], ids[position + 1]


def ngram_keys(older: Any, newer: Any, piece: Any) -> tuple[Any, Any, Any]:
    """Returns the keys of the unigrams, bigrams and trigrams that end in `piece`: int64, NumPy's or TensorFlow's."""
    bigram = newer * _PIECE + piece
    return UNIGRAM + piece, BIGRAM + bigram, TRIGRAM + older * _PIECE**2 + bigram


def kneser_ney(pooled: NgramCounts, vocab: int, min_clients: int) -> NgramTable:
    """Returns the model of pooled counts: those of every trigram typed, and the bigrams and unigrams in them."""
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
    """How many different pieces stood before each n-gram of the order below, those in ascending order."""
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
