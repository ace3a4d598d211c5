"""The neural cache: words that the owner typed where the shared model was in a similar state (Grave et al. 2017).

    m(w) = Σ_{i: w_i = w} exp(θ·cos(f, f_i)) / Σ_i exp(θ·cos(f, f_i))

f is the projection of the LSTM before the word that is predicted, and f_i that before the i-th of the owner's newest
words. So a word counts more, the more alike the two beginnings of messages are, even if they have no word in common.
arXiv:1612.04426, eq. 3, has dot products instead of cosines, and only the words just before.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device_runtime.adapter.encodings import Array
from device_runtime.manifest import NeuralCacheRecipe

_LARGEST = 127
_FIRST_ROOM = 64


class NeuralCache:
    """The newest words of one owner, each with the direction of the projection before it, in steps of 1/127.

    The steps are kept as float32: to convert 2,000 directions from int8 took half of a prediction's time.

    >>> cache = NeuralCache(NeuralCacheRecipe(words=2, weight=0.5, half=2, sharpness=10))
    >>> for direction, word in (((1, 0), 7), ((1, 0), 4), ((0, 1), 5)):
    ...     cache.add(np.array(direction, np.float32), word)
    >>> shares, cosine = cache.distribution(np.array([0, 2], np.float32), 8)
    >>> shares.round(3).tolist()  # only the newest two words are kept
    [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    >>> cache.weight
    0.25
    """

    def __init__(self, recipe: NeuralCacheRecipe) -> None:
        self._recipe = recipe
        self._directions: Array = np.zeros((0, 0), np.float32)
        self._words: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._count = 0

    @property
    def weight(self) -> float:
        """The share of m in the mixture, which grows with the number N of words: `weight`·N / (N + `half`)."""
        kept = self._kept
        return self._recipe.weight * kept / (kept + self._recipe.half) if kept else 0.0

    def add(self, projection: Array, word: int) -> None:
        """Adds a word. The oldest one leaves if there are more than `words`.

        Args:
            projection: The LSTM's projection before the word. `[E]`
            word: The number of the word.
        """
        if self._kept == len(self._words) < self._recipe.words:
            self._grow(len(projection))
        at = self._count % self._recipe.words
        self._directions[at] = np.rint(_LARGEST * _direction(projection))
        self._words[at] = word
        self._count += 1

    def distribution(self, projection: Array, words: int) -> tuple[npt.NDArray[np.float64], float]:
        """Returns m by number of the word, `[words]`, and the largest cosine. At least one word must have been added.

        Args:
            projection: The LSTM's projection before the word that is predicted. `[E]`
            words: The length of the result.
        """
        kept = self._kept
        cosines = self._directions[:kept] @ _direction(projection) / _LARGEST
        largest = cosines.max()
        chances = np.exp(self._recipe.sharpness * (cosines - largest))
        shares = chances / chances.sum()
        return np.bincount(self._words[:kept], shares, words).astype(np.float64), float(largest)

    @property
    def _kept(self) -> int:
        return min(self._count, self._recipe.words)

    def _grow(self, dimensions: int) -> None:
        more = min(max(len(self._words), _FIRST_ROOM), self._recipe.words - len(self._words))
        self._directions = np.concatenate(
            [self._directions.reshape(-1, dimensions), np.zeros((more, dimensions), np.float32)]
        )
        self._words = np.concatenate([self._words, np.zeros(more, np.int32)])


def _direction(projection: Array) -> Array:
    wide = projection.astype(np.float64)
    return (wide / (np.linalg.norm(wide) or 1.0)).astype(np.float32)
