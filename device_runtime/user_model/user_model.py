"""Counts of what the owner typed: n-grams and capitalization.

The owner's own n-gram model, mixed with the shared model: it knows a word the moment it was typed.

Hierarchical Pitman-Yor smoothing (Teh 2006, eq. 5 with one table a follower, which is interpolated
Kneser-Ney with a concentration) whose base measure is the shared model with a unigram cache (Kuhn and
De Mori 1990):

    p1(w) = (1−λ)·P(w) + λ·c(w)/N                                  λ = cache_weight·N/(N + cache_half)
    pn(w) = (max(c(h,w) − d, 0) + (θ + d·t(h))·p(n−1)(w)) / (c(h) + θ)          n = 2, 3

h: the last one or two units before the word; t(h): how many different words followed h. Every level is
affine in the one below, so the whole is `p3(w) = scale·P(w) + extra(w)` with one scale for a context:
that is what `mixture` returns, and what makes it cheap over a vocabulary of thousands.
"""

from __future__ import annotations

import bisect
import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_runtime.manifest import HistoryRecipe
from device_runtime.user_model.capitalization import CapitalizationModel
from keyboard_model.text.units import MARKS, PLACEHOLDER, Kind, Unit, units

START = "<s>"
"""The unit before a message's first; no word, mark or placeholder is spelt so."""
_CONTEXT_ONLY = (START, PLACEHOLDER, *MARKS)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Mixture:
    """`p(w) = scale·P(w) + extra[w]`, where `extra` `[U]` runs over the owner's units, by index (marks: 0)."""

    scale: float
    extra: Floats


class UserNgramModel:
    """Counts of one owner's words. Not thread-safe: the phone holds a lock while it changes or reads it."""

    def __init__(self, recipe: HistoryRecipe, piece_of: Callable[[str], int]) -> None:
        """Starts empty. `piece_of`: the id of a word that is a single piece, -1 for any other."""
        self._recipe = recipe
        self._piece_of = piece_of
        self.strength = 1.0
        """How much of all this `mixture` mixes in; 0 = nothing (see `ngram_weight`)."""
        self.total = 0
        self.units = list(_CONTEXT_ONLY)
        """The owner's words, by index, after the few units that are only ever context."""
        self._index = {unit: index for index, unit in enumerate(self.units)}
        self._sorted: list[str] = []
        self._counts: Floats = np.zeros(256)
        self._pieces: Ints = np.full(256, -1)
        # Every occurrence is kept, not a count a follower: most contexts of three occur once, and an
        # array of four bytes an occurrence is a sixth of a dictionary.
        self._after_one: dict[int, array[int]] = {}
        self._after_two: dict[int, array[int]] = {}

    @classmethod
    def empty(cls) -> UserNgramModel:
        """A model without counts, which mixes nothing in."""
        return _EMPTY

    def observe(self, units: Sequence[Unit]) -> None:
        """Counts one message, as `keyboard_model.text.units.units` splits it."""
        older = newer = self._index[START]
        for unit in units:
            index = self._index_of(unit.text)
            if unit.kind is Kind.WORD:
                self._counts[index] += 1
                self.total += 1
                self._after_one.setdefault(newer, array("i")).append(index)
                self._after_two.setdefault(_pair(older, newer), array("i")).append(index)
            older, newer = newer, index

    def _index_of(self, unit: str) -> int:
        known = self._index.get(unit)
        if known is not None:
            return known
        index = len(self.units)
        if index == len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros(index)])
            self._pieces = np.concatenate([self._pieces, np.full(index, -1)])
        self._index[unit] = index
        self._pieces[index] = self._piece_of(unit)
        self.units.append(unit)
        bisect.insort(self._sorted, unit)
        return index

    @property
    def pieces(self) -> Ints:
        """For each unit, by index, the id of the single piece that spells it, -1 where none does. `[U]`"""
        return self._pieces[: len(self.units)]

    def index(self, word: str) -> int | None:
        """The index of one of the owner's words, None for any other."""
        return self._index.get(word)

    @property
    def spelt(self) -> Sequence[str]:
        """The owner's words, sorted."""
        return self._sorted

    def by_piece(self, mixture: Mixture, vocab: int) -> Floats:
        """What the mixture adds to the probability of each word of one piece, by the piece's id. `[vocab]`"""
        added = np.zeros(vocab + 1)
        added[self.pieces] = mixture.extra  # words of several pieces (-1) fall on the spare last place
        return added[:vocab]

    def completions(self, prefix: str) -> Iterable[int]:
        """The indexes of the owner's words that begin with `prefix`, in the words' order."""
        position = bisect.bisect_left(self._sorted, prefix)
        while position < len(self._sorted) and self._sorted[position].startswith(prefix):
            yield self._index[self._sorted[position]]
            position += 1

    def mixture(self, before: Sequence[str]) -> Mixture:
        """How the owner's words weigh after `before`, the texts of the message's units so far.

        An empty history gives `scale` 1 and nothing extra: the shared model exactly.
        """
        recipe, total = self._recipe, self.total
        weight = recipe.cache_weight * total / (total + recipe.cache_half) if total else 0.0
        mixed = Mixture(1.0 - weight, self._counts[: len(self.units)] * (weight / max(total, 1)))
        older, newer = (self._index.get(unit, -1) for unit in (START, START, *before[-2:])[-2:])
        mixed = self._level(mixed, self._after_one.get(newer), recipe.concentration_2)
        mixed = self._level(mixed, self._after_two.get(_pair(older, newer)), recipe.concentration_3)
        return Mixture(1.0 - self.strength + self.strength * mixed.scale, self.strength * mixed.extra)

    def _level(self, below: Mixture, followers: array[int] | None, concentration: float) -> Mixture:
        if followers is None or math.isinf(concentration):
            return below
        seen = np.bincount(np.frombuffer(followers, np.int32), minlength=len(self.units))
        discount = self._recipe.discount
        whole = len(followers) + concentration
        passed = (concentration + discount * np.count_nonzero(seen)) / whole
        return Mixture(below.scale * passed, below.extra * passed + np.maximum(seen - discount, 0.0) / whole)


def _pair(older: int, newer: int) -> int:
    return (older << 32) | newer if older >= 0 and newer >= 0 else -1


_NO_RECIPE = HistoryRecipe(
    cache_weight=0.0, cache_half=0.0, discount=0.0, concentration_2=math.inf, concentration_3=math.inf, strengths=1
)
_EMPTY = UserNgramModel(_NO_RECIPE, lambda word: -1)


class UserModel:
    """Counts of one owner; begins empty."""

    def __init__(self, recipe: HistoryRecipe, piece_of: Callable[[str], int]) -> None:
        self.history = UserNgramModel(recipe, piece_of)
        self.casing = CapitalizationModel()

    def observe(self, messages: Iterable[str]) -> None:
        """Counts messages, in order."""
        for message in messages:
            found = units(message)
            self.history.observe(found)
            self.casing.observe(message, found)
