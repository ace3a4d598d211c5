"""Counts of what the owner typed: n-grams, and how the owner capitalizes words.

The owner's n-grams are mixed with the shared model, so that a word is known as soon as it was typed once. The mixture
is hierarchical Pitman-Yor smoothing (Teh 2006, eq. 5 with one table for each follower, which is interpolated Kneser-Ney
with a concentration). Its base measure is the shared model P with a neural cache (Grave et al. 2017) and a unigram
cache (Kuhn and De Mori 1990):

    p0(w) = (1−μ)·P(w) + μ·m(w)                                    m, μ: see `neural_cache`
    p1(w) = (1−λ)·p0(w) + λ·c(w)/N                                 λ = cache_weight·N/(N + cache_half)
    pn(w) = (max(c(h,w) − d, 0) + (θ + d·t(h))·p(n−1)(w)) / (c(h) + θ)          n = 2, 3

h is the one or two units before the word, and t(h) is how many different words followed h.

A recipe with learned mixing weights has these instead (`prediction.mixing`): one softmax over P, c/N, the discounted
followers max(c(h,w) − d, 0) / (c(h) − d·t(h)) of both h, and m.

Both are affine in P, so the result is `scale·P(w) + extra(w)`, with one scale for each context. `mixture` returns this
pair, which makes it cheap for a vocabulary of thousands of words.
"""

from __future__ import annotations

import bisect
import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_runtime.adapter.encodings import Array
from device_runtime.manifest import HistoryRecipe, NeuralCacheRecipe
from device_runtime.prediction import mixing
from device_runtime.prediction.capitalization import CapitalizationModel
from device_runtime.prediction.neural_cache import NeuralCache
from device_runtime.prediction.read_messages import ReadMessage, by_word
from keyboard_model.text.units import MARKS, PLACEHOLDER, Kind, Unit

START = "<s>"
"""The unit before the first one of a message. No word, mark or placeholder is spelled like this."""
_TINY = np.finfo(np.float64).tiny
_CONTEXT_ONLY = (START, PLACEHOLDER, *MARKS)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Mixture:
    """`p(w) = scale·P(w) + extra[w]`. `extra` `[U]` has one number for each of the owner's units, 0 for marks."""

    scale: float
    extra: Floats


@dataclass(frozen=True)
class Components:
    """What is mixed in a context.

    Attributes:
        features: `[F]`, see `mixing.features`.
        present: Which of `mixing.COMPONENTS` know something. `[K]`
        distributions: Of the owner's words by index, of each component but the shared model. `[K - 1, U]`
    """

    features: Floats
    present: npt.NDArray[np.bool_]
    distributions: Floats


class UserNgramModel:
    """One owner's n-gram counts. Not thread-safe: the phone holds a lock while it changes or reads them.

    >>> from keyboard_model.text.units import units
    >>> recipe = HistoryRecipe(cache_weight=0.5, cache_half=4, discount=0.5, concentration_2=2, concentration_3=4,
    ...                        neural_cache=NO_NEURAL_CACHE, mixing=None, strengths=1, strength_words=1)
    >>> history = UserNgramModel(recipe, piece_of=lambda word: -1)
    >>> history.mixture(["see"]).scale  # no counts yet: the shared model alone
    1.0
    >>> history.observe(units("see you at home, see you"))
    >>> mixture = history.mixture(["see"])
    >>> history.units[mixture.extra.argmax()]
    'you'

    Attributes:
        strength: How much of the mixture is used, from 0 (nothing) to 1 (all); see `ngram_weight`.
        total: How many words were counted.
        units: The owner's words by index, after the few units that are only ever context.
    """

    def __init__(self, recipe: HistoryRecipe, piece_of: Callable[[str], int]) -> None:
        """Starts without counts. `piece_of` returns the id of a word that is a single piece, -1 for other words."""
        self._recipe = recipe
        self._piece_of = piece_of
        self._neural = NeuralCache(recipe.neural_cache)
        self._coefficients = None if recipe.mixing is None else np.array(recipe.mixing)
        self.strength = 1.0
        self.total = 0
        self.units = list(_CONTEXT_ONLY)
        self._index = {unit: index for index, unit in enumerate(self.units)}
        self._sorted: list[str] = []
        self._counts: Floats = np.zeros(256)
        self._pieces: Ints = np.full(256, -1)
        # Stores each occurrence, not counts by follower: most contexts of two words occur once, and an array of four
        # bytes for each occurrence takes a sixth of a dictionary's memory.
        self._after_one: dict[int, array[int]] = {}
        self._after_two: dict[int, array[int]] = {}

    @classmethod
    def empty(cls) -> UserNgramModel:
        """Returns a model without counts, which adds nothing to the shared model."""
        return _EMPTY

    @property
    def is_off(self) -> bool:
        """Whether the recipe gives the owner's n-grams no weight at all."""
        recipe = self._recipe
        n_grams_off = math.isinf(recipe.concentration_2) and math.isinf(recipe.concentration_3)
        return self._coefficients is None and not recipe.cache_weight and not recipe.neural_cache.is_on and n_grams_off

    @property
    def needs_projection(self) -> bool:
        """Whether `mixture` needs the projection: the neural cache has a word."""
        return self._neural.weight > 0.0

    @property
    def needs_shared(self) -> bool:
        """Whether `mixture` needs what the shared model says: the weights of the mixture depend on it."""
        return self._coefficients is not None and self.total > 0

    def observe(self, units: Sequence[Unit], projections: Array | None = None) -> None:
        """Counts one message.

        Args:
            units: What `keyboard_model.text.units.units` splits it into.
            projections: The LSTM's projections before its last W words, for the neural cache; None: no word enters it.
                `[W, E]`
        """
        before = iter(by_word(projections, sum(unit.kind is Kind.WORD for unit in units)))
        older = newer = self._index[START]
        for unit in units:
            index = self._index_of(unit.text)
            if unit.kind is Kind.WORD:
                self._counts[index] += 1
                self.total += 1
                self._after_one.setdefault(newer, array("i")).append(index)
                self._after_two.setdefault(_pair(older, newer), array("i")).append(index)
                if (projection := next(before)) is not None:
                    self._neural.add(projection, index)
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
        """For each unit, by index, the id of the single piece that spells it; -1 = there is no such piece. `[U]`"""
        return self._pieces[: len(self.units)]

    def index(self, word: str) -> int | None:
        """Returns the index of one of the owner's words; None = the owner never typed it."""
        return self._index.get(word)

    @property
    def sorted_words(self) -> Sequence[str]:
        """The owner's words, sorted."""
        return self._sorted

    def by_piece(self, mixture: Mixture, vocab: int) -> Floats:
        """Returns what the mixture adds to the probability of each single-piece word, by the piece's id. `[vocab]`"""
        added = np.zeros(vocab + 1)
        added[self.pieces] = mixture.extra  # words of several pieces (-1) go to the spare last place
        return added[:vocab]

    def completions(self, prefix: str) -> Iterable[int]:
        """Yields the indexes of the owner's words that begin with `prefix`, in alphabetical order."""
        position = bisect.bisect_left(self._sorted, prefix)
        while position < len(self._sorted) and self._sorted[position].startswith(prefix):
            yield self._index[self._sorted[position]]
            position += 1

    def mixture(self, before: Sequence[str], projection: Array | None = None, shared: Array | None = None) -> Mixture:
        """Returns the mixture in a context.

        Without counts, `scale` is 1 and `extra` is 0: the result is exactly the shared model.

        Args:
            before: The texts of the message's units so far.
            projection: The LSTM's projection after them, if `needs_projection`; without it, there is no neural cache.
                `[E]`
            shared: The shared model's log-probabilities after them, if `needs_shared`. `[V]`
        """
        if not self.total:
            return Mixture(1.0, np.zeros(len(self.units)))
        if self._coefficients is None:
            mixed = self._smoothed(before, projection)
        else:
            assert shared is not None, "see `needs_shared`"
            parts = self.components(before, projection, shared)
            scale, *others = mixing.weights(self._coefficients, parts.features, parts.present)
            mixed = Mixture(float(scale), np.array(others) @ parts.distributions)
        return Mixture(1.0 - self.strength + self.strength * mixed.scale, self.strength * mixed.extra)

    def components(self, before: Sequence[str], projection: Array | None, shared: Array) -> Components:
        """Returns what learned weights mix in a context. See `mixture` for the arguments."""
        following = [self._after_one, self._after_two]
        distributions, counts, largest = [self._counts[: len(self.units)] / max(self.total, 1)], [self.total], []
        for contexts, context in zip(following, self._contexts(before), strict=True):
            seen = self._seen(contexts.get(context))
            whole, different = seen.sum(), np.count_nonzero(seen)
            left = np.maximum(seen - self._recipe.discount, 0.0)
            distributions.append(left / max(left.sum(), _TINY))
            counts += [whole, different]
            largest.append(seen.max(initial=0) / max(whole, 1))
        cached, cosine = np.zeros(len(self.units)), 0.0
        if projection is not None and self.needs_projection:
            cached, cosine = self._neural.distribution(projection, len(self.units))
        distributions.append(cached)
        largest += [cosine, cached.max(initial=0.0)]
        return Components(
            mixing.features(counts, largest, not before, shared),
            np.array([True, *(distribution.any() for distribution in distributions)]),
            np.array(distributions),
        )

    def _smoothed(self, before: Sequence[str], projection: Array | None) -> Mixture:
        recipe, total = self._recipe, self.total
        mixed = self._neural_mixture(projection)
        weight = recipe.cache_weight * total / (total + recipe.cache_half)
        counts = self._counts[: len(self.units)] * (weight / total)
        mixed = Mixture(mixed.scale * (1.0 - weight), mixed.extra * (1.0 - weight) + counts)
        newer, both = self._contexts(before)
        mixed = self._level(mixed, self._after_one.get(newer), recipe.concentration_2)
        return self._level(mixed, self._after_two.get(both), recipe.concentration_3)

    def _contexts(self, before: Sequence[str]) -> tuple[int, int]:
        """Returns the numbers of the one and of the two units before a word; -1 if the owner never typed them."""
        older, newer = (self._index.get(unit, -1) for unit in (START, START, *before[-2:])[-2:])
        return newer, _pair(older, newer)

    def _seen(self, followers: array[int] | None) -> Ints:
        """Returns how often each word followed. `[U]`"""
        return np.bincount(np.frombuffer(followers or b"", np.int32), minlength=len(self.units))

    def _neural_mixture(self, projection: Array | None) -> Mixture:
        weight = self._neural.weight
        if projection is None or not weight:
            return Mixture(1.0, np.zeros(len(self.units)))
        cached, _ = self._neural.distribution(projection, len(self.units))
        return Mixture(1.0 - weight, weight * cached)

    def _level(self, below: Mixture, followers: array[int] | None, concentration: float) -> Mixture:
        if followers is None or math.isinf(concentration):
            return below
        seen = self._seen(followers)
        discount = self._recipe.discount
        whole = len(followers) + concentration
        passed_on = (concentration + discount * np.count_nonzero(seen)) / whole
        return Mixture(below.scale * passed_on, below.extra * passed_on + np.maximum(seen - discount, 0.0) / whole)


def _pair(older: int, newer: int) -> int:
    return (older << 32) | newer if older >= 0 and newer >= 0 else -1


NO_NEURAL_CACHE = NeuralCacheRecipe(words=0, weight=0.0, half=0.0, sharpness=0.0)
_NO_RECIPE = HistoryRecipe(
    cache_weight=0.0,
    cache_half=0.0,
    discount=0.0,
    concentration_2=math.inf,
    concentration_3=math.inf,
    neural_cache=NO_NEURAL_CACHE,
    mixing=None,
    strengths=1,
    strength_words=1,
)
_EMPTY = UserNgramModel(_NO_RECIPE, lambda word: -1)


class UserModel:
    """One owner's n-grams and capitalization; it starts without counts."""

    def __init__(self, recipe: HistoryRecipe, piece_of: Callable[[str], int]) -> None:
        self.history = UserNgramModel(recipe, piece_of)
        self.capitalization = CapitalizationModel()

    def observe(self, message: ReadMessage) -> None:
        """Counts a message."""
        self.history.observe(message.units, message.projections)
        self.capitalization.observe(message.text, message.units)
