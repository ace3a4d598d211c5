"""Jensen-Shannon divergence of users' texts, corrected for chance.

Two short texts of the same person differ by chance. Therefore the divergence of two texts is compared with a noise
floor: the divergence of two texts of one user at the same length.

    difference = (observed − floor) / (1 − floor)

It is 0 if both texts come from one source and 1 if they share no word, at any length (a chance correction, as in
Hubert and Arabie 1985). If the floor is the mean of both sources' floors, observed − floor is half an energy distance
(Székely and Rizzo 2013), which is never negative in expectation: JSD is the square of a metric of Hilbert space
(Fuglede and Topsøe 2004).

Every comparison between users uses texts of one common length, two disjoint halves for each user. The length is
common because the divergence of two texts falls with their length: without it, it would measure how much users type.
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
    """In bits, 0 to 1. observed: between the two sources. floor: within one source, at the same length."""

    observed: float
    floor: float

    @property
    def excess(self) -> float:
        """Observed minus floor, in bits; slightly negative if chance explains all of it."""
        return self.observed - self.floor

    @property
    def difference(self) -> float:
        """The excess as a share of its largest possible value, 1 − floor; 0 if the floor is 1."""
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
    """Returns the divergence, in bits, of two texts given as word numbers, `[words]` each."""
    _, which = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = int(which.max()) + 1
    return jensen_shannon(
        np.bincount(which[: len(first)], minlength=size), np.bincount(which[len(first) :], minlength=size)
    )


LENGTHS = (400, 200, 100, 50, 25)
"""Words in each half. The longest length at which enough users can be measured is used."""
ENOUGH_USERS = 20
"""Users that must be measurable: this many, or half of all if that is fewer."""
SPLITS = 8
"""Number of random splits of each user's messages; divergences are means over the splits."""


@dataclass(frozen=True)
class Halves:
    """One user's text in halves. texts: `[SPLITS, 2, length]` words. floor: mean divergence of halves (bits)."""

    user: UserText
    texts: Numbers
    floor: float


def common_length(sizes: npt.ArrayLike) -> int | None:
    """Returns the common length of a half, given each user's words; None if too few users reach the shortest length."""
    words = np.asarray(sizes)
    enough = max(2, min(ENOUGH_USERS, len(words) // 2))
    return next((length for length in LENGTHS if (words >= 2 * length).sum() >= enough), None)


def split_in_halves(user_texts: UserTexts, length: int, seed: int) -> tuple[Halves, ...]:
    """Returns the halves of every user with at least `2 * length` words, in order."""
    return tuple(_halves(user, length, seed) for user in user_texts.users if len(user.words) >= 2 * length)


def user_rng(seed: int, user_id: str) -> np.random.Generator:
    """Returns the random generator of one user; it does not depend on which other users are measured."""
    return np.random.default_rng([seed, zlib.crc32(user_id.encode())])


def _halves(user: UserText, length: int, seed: int) -> Halves:
    rng = user_rng(seed, user.user_id)
    orders = [user.shuffled(rng) for _ in range(SPLITS)]
    texts = np.stack([np.stack([order[:length], order[-length:]]) for order in orders])
    return Halves(user, texts, float(np.mean([between_texts(*split) for split in texts])))
