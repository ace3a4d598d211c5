"""Users' texts cut to one length, in two disjoint halves each: what every comparison between users stands on.

One length for all, because the divergence of two texts falls with their length: of texts as long as they come
it would measure who writes much.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federated.heterogeneity.divergence import between_texts
from federated.heterogeneity.writers import Numbers, Writer, Writers

LENGTHS = (400, 200, 100, 50, 25)
"""Words of a half; the longest is taken at which enough users can be measured."""
ENOUGH_USERS = 20
"""So many, or half of all, whichever is fewer."""
SPLITS = 8
"""Every user's messages are halved at random so often, and what the splits show averaged."""


@dataclass(frozen=True)
class Halves:
    """One user's text in halves. texts: `[SPLITS, 2, length]`. floor: divergence of two halves, mean, in bits."""

    writer: Writer
    texts: Numbers
    floor: float


def common_length(sizes: npt.ArrayLike) -> int | None:
    """Returns the words of a half for users with so many words; None where even the shortest asks too much."""
    words = np.asarray(sizes)
    enough = max(2, min(ENOUGH_USERS, len(words) // 2))
    return next((length for length in LENGTHS if (words >= 2 * length).sum() >= enough), None)


def halve(writers: Writers, length: int, seed: int) -> tuple[Halves, ...]:
    """Returns the halves of all users with at least `2 * length` words, in order."""
    return tuple(_halves(user, length, seed) for user in writers.users if len(user.words) >= 2 * length)


def user_rng(seed: int, user_id: str) -> np.random.Generator:
    """Returns what is drawn for one user: the same whoever else is measured."""
    return np.random.default_rng([seed, zlib.crc32(user_id.encode())])


def _halves(writer: Writer, length: int, seed: int) -> Halves:
    rng = user_rng(seed, writer.user_id)
    orders = [writer.shuffled(rng) for _ in range(SPLITS)]
    texts = np.stack([np.stack([order[:length], order[-length:]]) for order in orders])
    return Halves(writer, texts, float(np.mean([between_texts(*split) for split in texts])))
