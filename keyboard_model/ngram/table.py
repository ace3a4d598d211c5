"""The trigram model over pieces that a phone stores: shares by context, and the rest for the level below.

    p1(w)   = unigram[w]
    p2(w|v) = share(v,w)   + left(v)·p1(w)
    p3(w|uv) = share(uv,w) + left(uv)·p2(w|v)          left(h) = 1 − Σ share(h,·), 1 for a context not kept

All interpolated models have this form (Chen and Goodman 1999, eq. 22); `kneser_ney` estimates one. left(h) is
computed, not stored, so each distribution sums to 1, whichever n-grams were omitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

SLACK = 1e-3
"""Tolerance of the sum of a stored distribution; rounding errors are far smaller."""
PARTS = {"contexts": np.uint32, "starts": np.uint32, "pieces": np.uint16, "shares": np.float16}
"""The stored tensors of a level."""

Floats = npt.NDArray[np.float32]


class NgramError(ValueError):
    """The n-grams cannot be used; the message says why."""


@dataclass(frozen=True, eq=False)
class Level:
    """The n-grams of one order, by context.

    contexts `[C]` uint32: ascending; `newer` for bigrams, `contexts_of(older, newer)` for trigrams.
    starts `[C+1]` uint32: where each context's followers start in `pieces` and `shares`.
    pieces `[n]` uint16, shares `[n]` float16: the followers, ascending in each context, and their shares.
    left `[C]` float32: the share that each context leaves to the level below.
    """

    contexts: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.uint32]
    pieces: npt.NDArray[np.uint16]
    shares: npt.NDArray[np.float16]
    left: Floats = field(init=False)

    def __post_init__(self) -> None:
        left = np.ones(len(self.contexts), np.float32)
        if len(left):  # reduceat takes no empty list of starts
            left -= np.add.reduceat(self.shares.astype(np.float32), self.starts[:-1])
        object.__setattr__(self, "left", left)

    @classmethod
    def of(cls, contexts: npt.ArrayLike, pieces: npt.ArrayLike, shares: npt.ArrayLike) -> Level:
        """Builds a level from distinct n-grams, `[n]` each, in any order.

        Shares are rounded down, so that they never sum to more than 1. N-grams whose share rounds to 0 are omitted.
        """
        context, piece, exact = np.asarray(contexts, np.uint32), np.asarray(pieces, np.uint16), np.asarray(shares)
        rounded = _rounded_down(exact)
        order = np.lexsort((piece, context))
        order = order[rounded[order] > 0]
        found, starts = np.unique(context[order], return_index=True)
        return cls(found, np.append(starts, len(order)).astype(np.uint32), piece[order], rounded[order])

    def spread(self, below: Floats, context: int) -> None:
        """Turns the distribution of the level below into that after `context`, in place. `[V]`"""
        position = int(self.contexts.searchsorted(np.uint32(context)))  # another type would copy the array
        if position < len(self.contexts) and self.contexts[position] == context:
            followers = slice(self.starts[position], self.starts[position + 1])
            below *= self.left[position]
            below[self.pieces[followers]] += self.shares[followers]

    def tensors(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Returns the stored tensors by name."""
        return {f"{name}.{part}": getattr(self, part) for part in PARTS}


def read_level(tensors: Mapping[str, npt.NDArray[Any]], name: str, vocab: int, contexts: int) -> Level:
    """Returns the level stored under `name`, after checking that it is complete, ordered and without duplicates.

    Args:
        contexts: Number of possible contexts.

    Raises:
        NgramError: the level is damaged.
    """
    parts = {part: tensors[f"{name}.{part}"] for part in PARTS}
    context, piece, share = (parts[part].astype(np.float64) for part in ("contexts", "pieces", "shares"))
    starts = parts["starts"].astype(np.int64)
    whole = (
        len(starts) == len(context) + 1
        and len(piece) == len(share) == starts[-1]
        and starts[0] == 0
        and (np.diff(starts) > 0).all()
        and (np.diff(np.repeat(context, np.diff(starts)) * vocab + piece) > 0).all()
        and (piece < vocab).all()
        and (context < contexts).all()
        and (share >= 0).all()
        and np.isfinite(share).all()
    )
    if not whole or (level := Level(**parts)).left.min(initial=0.0) < -SLACK:
        raise NgramError(f"the n-grams are damaged: their {name} are not a distribution")
    return level


def _rounded_down(shares: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
    rounded = shares.astype(np.float16)
    return np.where(rounded > shares, np.nextafter(rounded, np.float16(0)), rounded).astype(np.float16)


__all__ = ["MAX_VOCAB", "Level", "NgramError", "NgramTable", "contexts_of"]

MAX_VOCAB = 65536
"""Pieces are stored in two bytes, a trigram's context in four."""


def contexts_of(older: Any, newer: Any, vocab: int) -> Any:
    """Returns the context of a trigram as one number."""
    return older * vocab + newer


@dataclass(frozen=True, eq=False)
class NgramTable:
    """`unigram [V]` float32, the distribution without a context, and the higher orders; immutable."""

    unigram: Floats
    bigrams: Level
    trigrams: Level

    @classmethod
    def empty(cls, vocab: int) -> NgramTable:
        """Returns a table without n-grams: every piece is equally likely."""
        return cls(np.full(vocab, 1.0 / vocab, np.float32), Level.of([], [], []), Level.of([], [], []))

    @property
    def vocab(self) -> int:
        return len(self.unigram)

    def distribution(self, older: int, newer: int) -> Floats:
        """Returns the probability of each piece after the last two; missing ones are BOS. `[V]`, a copy."""
        after = self.unigram.copy()
        self.bigrams.spread(after, newer)
        self.trigrams.spread(after, contexts_of(older, newer, self.vocab))
        return after

    def widened(self, vocab: int) -> NgramTable:
        """Returns the same n-grams in a vocabulary with more pieces, after these and without a share."""
        older, newer = np.divmod(self.trigrams.contexts.astype(np.int64), self.vocab)
        contexts = contexts_of(older, newer, vocab).astype(np.uint32)
        trigrams = Level(contexts, self.trigrams.starts, self.trigrams.pieces, self.trigrams.shares)
        return NgramTable(np.pad(self.unigram, (0, vocab - self.vocab)), self.bigrams, trigrams)

    def to_bytes(self) -> bytes:
        """Returns the table as safetensors; equal tables give equal bytes."""
        return safetensors.numpy.save(
            {"unigram": self.unigram} | self.bigrams.tensors("bigrams") | self.trigrams.tensors("trigrams")
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> NgramTable:
        """Reads the result of `to_bytes`.

        Raises:
            NgramError: the bytes are something else, or damaged.
        """
        try:
            tensors = safetensors.numpy.load(data)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise NgramError(f"the n-grams cannot be read: {error}") from error
        kinds = {f"{level}.{part}": kind for level in ("bigrams", "trigrams") for part, kind in PARTS.items()}
        if {name: (found.dtype, found.ndim) for name, found in tensors.items()} != {
            name: (np.dtype(kind), 1) for name, kind in (kinds | {"unigram": np.float32}).items()
        }:
            raise NgramError("this is not an n-gram file: it has other tensors")
        unigram, vocab = tensors["unigram"], len(tensors["unigram"])
        if not (vocab <= MAX_VOCAB and (unigram >= 0).all() and abs(unigram.sum() - 1.0) < SLACK):
            raise NgramError("the n-grams are damaged: their unigrams are not a distribution")
        levels = (read_level(tensors, "bigrams", vocab, vocab), read_level(tensors, "trigrams", vocab, vocab * vocab))
        return cls(unigram, *levels)
