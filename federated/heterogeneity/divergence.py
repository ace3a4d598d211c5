"""Jensen-Shannon divergence, and what is left of it once chance is taken out.

Two short texts of one person differ, for no word of the one need occur in the other. So what two texts show is
held against the noise floor: what texts of one writer show at the same length. Above it,

    difference = (observed − floor) / (1 − floor)

is 0 where both come from one source and 1 where they share no word, at whatever length (a chance correction, as in
Hubert and Arabie 1985). With the floor the mean of both sources' own, observed − floor is half an energy distance
(Székely and Rizzo 2013), which is never negative in expectation: JSD is the square of a metric of Hilbert space
(Fuglede and Topsøe 2004).

Users' texts cut to one length, in two disjoint halves each: what every comparison between users stands on.

One length for all, because the divergence of two texts falls with their length: of texts as long as they come
it would measure who writes much.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from federated.heterogeneity.user_texts import Numbers, UserText, UserTexts


@dataclass(frozen=True)
class Divergence:
    """In bits, 0 to 1. observed: between the two sources. floor: within a source, at the same length."""

    observed: float
    floor: float

    @property
    def excess(self) -> float:
        """What chance does not explain, in bits; a little below 0 where chance explains all."""
        return self.observed - self.floor

    @property
    def difference(self) -> float:
        """The excess as a share of what there is room for; 0 where the floor leaves none."""
        return self.excess / (1 - self.floor) if self.floor < 1 else 0.0


def jensen_shannon(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Returns the Jensen-Shannon divergence of two distributions, in bits (Lin 1991).

    JSD = ½·KL(p ‖ m) + ½·KL(q ‖ m) with m = (p + q)/2, KL to base 2.

    Args:
        first, second: `[words]` counts or shares of the same words; neither all zero.
    """
    counts = (np.asarray(first, np.float64), np.asarray(second, np.float64))
    p, q = (part / part.sum() for part in counts)
    m = (p + q) / 2
    nats = (rel_entr(p, m).sum() + rel_entr(q, m).sum()) / 2
    return float(np.clip(nats / np.log(2), 0.0, 1.0))


def between_texts(first: Numbers, second: Numbers) -> float:
    """Returns the divergence of two texts, given as word numbers, in bits. `[words]`, `[words]`"""
    _, which = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = int(which.max()) + 1
    return jensen_shannon(
        np.bincount(which[: len(first)], minlength=size), np.bincount(which[len(first) :], minlength=size)
    )


LENGTHS = (400, 200, 100, 50, 25)
"""Words of a half; the longest is taken at which enough users can be measured."""
ENOUGH_USERS = 20
"""So many, or half of all, whichever is fewer."""
SPLITS = 8
"""Every user's messages are halved at random so often, and what the splits show averaged."""


@dataclass(frozen=True)
class Halves:
    """One user's text in halves. texts: `[SPLITS, 2, length]`. floor: divergence of two halves, mean, in bits."""

    writer: UserText
    texts: Numbers
    floor: float


def common_length(sizes: npt.ArrayLike) -> int | None:
    """Returns the words of a half for users with so many words; None where even the shortest asks too much."""
    words = np.asarray(sizes)
    enough = max(2, min(ENOUGH_USERS, len(words) // 2))
    return next((length for length in LENGTHS if (words >= 2 * length).sum() >= enough), None)


def split_in_halves(writers: UserTexts, length: int, seed: int) -> tuple[Halves, ...]:
    """Returns the halves of all users with at least `2 * length` words, in order."""
    return tuple(_halves(user, length, seed) for user in writers.users if len(user.words) >= 2 * length)


def user_rng(seed: int, user_id: str) -> np.random.Generator:
    """Returns what is drawn for one user: the same whoever else is measured."""
    return np.random.default_rng([seed, zlib.crc32(user_id.encode())])


def _halves(writer: UserText, length: int, seed: int) -> Halves:
    rng = user_rng(seed, writer.user_id)
    orders = [writer.shuffled(rng) for _ in range(SPLITS)]
    texts = np.stack([np.stack([order[:length], order[-length:]]) for order in orders])
    return Halves(writer, texts, float(np.mean([between_texts(*split) for split in texts])))
