"""The n-gram model of published counts, of which the rare ones are missing: each context leaves them their share.

    share(h,w) = c(h,w) / max(c(h), Σ c(h,·) / (1 − ε))

c(h) is the count of the context itself, 0 if it is not published. What the published n-grams do not reach of it goes to
the level below, at least the share ε. Kneser-Ney smoothing needs the numbers of n-grams that occur once or twice, which
noisy counts with a threshold do not have.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from keyboard_model.ngram.kneser_ney import BIGRAM, ROTATED, TRIGRAM, UNIGRAM, ngram_keys, pieces_of, with_uniform
from keyboard_model.ngram.table import Level, NgramTable, contexts_of

LEAST_LEFT = 0.05
"""ε; also what the unigrams leave to the uniform distribution."""

Ints = npt.NDArray[np.int64]


def from_counts(blocks: Iterable[tuple[Ints, Ints]], vocab: int, bos: int, max_ngrams: int) -> NgramTable:
    """Returns the model of published counts.

    Args:
        blocks: Keys (`kneser_ney.ngram_keys`), ascending over all blocks, and their positive counts, `[n]` each. The
            unigram of `bos` is the number of messages.
        vocab: Number of pieces.
        bos: The piece that begins a message.
        max_ngrams: Most bigrams and trigrams; the most frequent ones are kept.
    """
    nothing = np.zeros(0, np.int64)
    keys, counts = (np.concatenate(parts) for parts in zip((nothing, nothing), *blocks, strict=True))
    edges = keys.searchsorted([UNIGRAM, BIGRAM, TRIGRAM, ROTATED]).tolist()
    single, double, triple = (slice(begin, end) for begin, end in pairwise(edges))

    of_piece = np.zeros(vocab, np.int64)
    of_piece[pieces_of(keys[single])[2]] = counts[single]
    followed, of_piece[bos] = of_piece.copy(), 0
    typed = np.flatnonzero(of_piece)
    unigram = with_uniform(typed, (1 - LEAST_LEFT) * of_piece[typed] / max(int(of_piece.sum()), 1), vocab)

    _, context, piece = pieces_of(keys[double])
    bigram = _shares(context, counts[double], followed[context])
    older, newer, last = pieces_of(keys[triple])
    before = np.where(newer == bos, followed[bos], _looked_up(keys, counts, ngram_keys(0, older, newer)[1]))
    contexts = contexts_of(older, newer, vocab)
    trigram = _shares(contexts, counts[triple], before)

    kept = _most_frequent(np.concatenate([counts[double], counts[triple]]), max_ngrams)
    low, high = kept[: len(bigram)], kept[len(bigram) :]
    return NgramTable(
        unigram,
        Level.of(context[low], piece[low], bigram[low]),
        Level.of(contexts[high], last[high], trigram[high]),
    )


def _shares(contexts: Ints, counts: Ints, totals: Ints) -> npt.NDArray[np.float64]:
    _, where = np.unique(contexts, return_inverse=True)
    published = np.bincount(where, counts)[where] if len(contexts) else np.zeros(0)
    return np.asarray(counts / np.maximum(totals, published / (1 - LEAST_LEFT)), np.float64)


def _looked_up(keys: Ints, counts: Ints, wanted: Ints) -> Ints:
    at = np.minimum(keys.searchsorted(wanted), max(len(keys) - 1, 0))
    return np.where(keys[at] == wanted, counts[at], 0) if len(keys) else np.zeros(len(wanted), np.int64)


def _most_frequent(counts: Ints, most: int) -> npt.NDArray[np.bool_]:
    kept = np.zeros(len(counts), np.bool_)
    kept[np.argsort(-counts, kind="stable")[:most]] = True
    return kept
