"""A trigram model over pieces as a phone keeps it: shares by context, and what is left for the level below.

    p1(w)   = unigram[w]
    p2(w|v) = share(v,w)   + left(v)·p1(w)
    p3(w|uv) = share(uv,w) + left(uv)·p2(w|v)          left(h) = 1 − Σ share(h,·), 1 for a context not kept

Interpolated models all have this form (Chen and Goodman 1999, eq. 22); `kneser_ney` estimates one. What is
left is computed, not stored, so a distribution sums to 1 whatever n-grams were left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from keyboard_model.ngram_level import PARTS, SLACK, Floats, Level, NgramError, read_level

__all__ = ["MAX_VOCAB", "Level", "NgramError", "NgramTable", "contexts_of"]

MAX_VOCAB = 65536
"""Pieces are stored in two bytes, a trigram's context in four."""


def contexts_of(older: Any, newer: Any, vocab: int) -> Any:
    """Returns a trigram's contexts as one number each."""
    return older * vocab + newer


@dataclass(frozen=True, eq=False)
class NgramTable:
    """`unigram [V]` float32, the distribution without a context; the higher orders. Never written to."""

    unigram: Floats
    bigrams: Level
    trigrams: Level

    @classmethod
    def empty(cls, vocab: int) -> NgramTable:
        """One that knows nothing: every piece alike."""
        return cls(np.full(vocab, 1.0 / vocab, np.float32), Level.of([], [], []), Level.of([], [], []))

    @property
    def vocab(self) -> int:
        return len(self.unigram)

    def distribution(self, older: int, newer: int) -> Floats:
        """Returns the probability of each piece after the last two, BOS standing for what is not there. `[V]`, own."""
        after = self.unigram.copy()
        self.bigrams.spread(after, newer)
        self.trigrams.spread(after, contexts_of(older, newer, self.vocab))
        return after

    def to_bytes(self) -> bytes:
        """Returns the table as safetensors; the same table gives the same bytes."""
        return safetensors.numpy.save(
            {"unigram": self.unigram} | self.bigrams.tensors("bigrams") | self.trigrams.tensors("trigrams")
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> NgramTable:
        """Reads what `to_bytes` made.

        Raises:
            NgramError: it is something else, or damaged.
        """
        try:
            tensors = safetensors.numpy.load(data)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise NgramError(f"the n-grams cannot be read: {error}") from error
        kinds = {f"{level}.{part}": kind for level in ("bigrams", "trigrams") for part, kind in PARTS.items()}
        if {name: (found.dtype, found.ndim) for name, found in tensors.items()} != {
            name: (np.dtype(kind), 1) for name, kind in (kinds | {"unigram": np.float32}).items()
        }:
            raise NgramError("these are no n-grams: other tensors are in the file")
        unigram, vocab = tensors["unigram"], len(tensors["unigram"])
        if not (vocab <= MAX_VOCAB and (unigram >= 0).all() and abs(unigram.sum() - 1.0) < SLACK):
            raise NgramError("the n-grams are damaged: their unigrams make no distribution")
        levels = (read_level(tensors, "bigrams", vocab, vocab), read_level(tensors, "trigrams", vocab, vocab * vocab))
        return cls(unigram, *levels)
