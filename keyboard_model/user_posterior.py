"""Whom personalization hurts or helps, with noise in mind: a posterior of each user's true difference in recall.

A user with 100 tested words who loses one of them is below the shared model, but chance alone does this to many users.
Only the words that exactly one keyboard shows tell them apart (McNemar 1947): `gained` words that only the personal one
shows, `lost` words that only the shared one shows. For each user, the model has two unknown shares:

    gained + lost ~ Binomial(words, r)             r: how often the two keyboards differ
    gained        ~ Binomial(gained + lost, w)     w: how often the personal one is right where they differ
    difference    = r (2w - 1)                     the true difference in recall

Over users, r and w each follow a beta distribution of their own, so users with few words are drawn towards the others.
These are two hierarchical beta-binomial models (Gelman et al. 2013, "Bayesian Data Analysis", 3rd edition, section 5.3)
with the prior of that section: uniform in the mean a / (a + b) and in (a + b)^(-1/2), here with a + b of at least 1.
The posterior of a and b is computed on a grid, so the uncertainty of the population is kept, unlike in empirical Bayes.

The words of a user are taken as independent given r and w. Users repeat words, so the posterior is somewhat too sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NOTICEABLE = 0.005
"""A true loss or gain counts if it is larger than half a word in 100."""
SURE = 0.9
"""A user counts as hurt or helped if that is at least so probable."""
_DRAWS = 2000
_POINTS, _ZOOMS = 15, 5  # points of the grid along each axis, and how often it is narrowed to where the posterior is
_AT_ONCE = 500  # users whose likelihoods are computed in one array
_NEGLIGIBLE = 10.0  # nats below the largest density of the grid

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UserPosterior:
    """What the words of all users say about one of them.

    Attributes:
        expected: Mean of the true difference in recall, personal minus shared: shrunken towards the other users.
        hurt_probability: Probability that the user loses more than `NOTICEABLE`.
        helped_probability: Probability that the user gains more than that.
    """

    expected: float
    hurt_probability: float
    helped_probability: float

    @property
    def hurt(self) -> bool:
        """Whether the user is hurt with a probability of at least `SURE`."""
        return self.hurt_probability >= SURE

    @property
    def helped(self) -> bool:
        """Whether the user is helped with a probability of at least `SURE`."""
        return self.helped_probability >= SURE


def user_posteriors(
    words: Sequence[int], gained: Sequence[int], lost: Sequence[int], seed: int = 0
) -> list[UserPosterior]:
    """Returns the posterior of each user, from 2,000 draws: a probability of 0.9 is exact to about 0.01.

    Args:
        words: Tested words of each user.
        gained, lost: Words of each user that only the personal, or only the shared keyboard shows.
        seed: Decides the draws.

    Raises:
        ValueError: the lengths differ, or a user has more gained and lost words than words.
    """
    if not len(words) == len(gained) == len(lost):
        raise ValueError(f"{len(words)} users with words, {len(gained)} with gains, {len(lost)} with losses")
    if not len(words):
        return []
    total, up, down = (np.asarray(counts, np.int64) for counts in (words, gained, lost))
    if (up < 0).any() or (down < 0).any() or (up + down > total).any():
        raise ValueError("a user has more gained and lost words than words")
    rng = np.random.default_rng(seed)
    differ, right = _population(up + down, total, rng), _population(up, up + down, rng)
    return [_posterior(differ, right, *counts, rng) for counts in zip(total, up, down, strict=True)]


def count_changes(personal: str, shared: str) -> tuple[int, int]:
    """Returns how many words only the personal, and only the shared keyboard showed.

    Args:
        personal, shared: One character for each word in the same order, "1" if the keyboard showed it, else "0".

    >>> count_changes("1101", "0111")
    (1, 1)
    """
    pairs = list(zip(personal, shared, strict=True))
    return pairs.count(("1", "0")), pairs.count(("0", "1"))


def _posterior(
    differ: tuple[Floats, Floats], right: tuple[Floats, Floats], words: int, gained: int, lost: int,
    rng: np.random.Generator,
) -> UserPosterior:  # fmt: skip
    r = rng.beta(differ[0] + gained + lost, differ[1] + words - gained - lost)
    w = rng.beta(right[0] + gained, right[1] + lost)
    difference = r * (2 * w - 1)
    return UserPosterior(
        expected=float(difference.mean()),
        hurt_probability=float((difference < -NOTICEABLE).mean()),
        helped_probability=float((difference > NOTICEABLE).mean()),
    )


def _population(
    hits: npt.NDArray[np.int64], trials: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draws parameters a and b `[_DRAWS]` of the users' beta distribution from their posterior.

    The grid is uniform in the log odds of the mean and in (a + b)^(-1/2), and narrowed to where the posterior is.
    """
    odds, width = (-9.0, 9.0), (0.001, 1.0)
    for _ in range(_ZOOMS):
        grid = np.meshgrid(np.linspace(*odds, _POINTS), np.linspace(*width, _POINTS), indexing="ij")
        density = _log_density(grid[0], grid[1], hits, trials)
        rows, columns = np.nonzero(density > density.max() - _NEGLIGIBLE)
        odds = _around(grid[0][:, 0], rows)
        width = _around(grid[1][0], columns)
    weights = np.exp(density - density.max()).ravel()
    drawn = rng.choice(weights.size, _DRAWS, p=weights / weights.sum())
    return _parameters(grid[0].ravel()[drawn], grid[1].ravel()[drawn])


def _around(points: Floats, kept: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Returns the range of the kept points, with one more point on each side."""
    return float(points[max(kept.min() - 1, 0)]), float(points[min(kept.max() + 1, len(points) - 1)])


def _parameters(odds: Floats, width: Floats) -> tuple[Floats, Floats]:
    """Returns a and b from the log odds of a / (a + b) and from (a + b)^(-1/2)."""
    share = 1 / (1 + np.exp(-odds))
    return share / width**2, (1 - share) / width**2


def _log_density(odds: Floats, width: Floats, hits: npt.NDArray[np.int64], trials: npt.NDArray[np.int64]) -> Floats:
    """Returns the log posterior of the grid's points, up to a constant: beta-binomial likelihoods and the prior."""
    a, b = _parameters(odds, width)
    density: Floats = np.log(a) + np.log(b) - 2 * np.log(a + b)  # the mean's prior is uniform, the grid is in log odds
    density -= len(hits) * _log_beta(a, b)
    for first in range(0, len(hits), _AT_ONCE):
        k, n = (counts[first : first + _AT_ONCE, None, None] for counts in (hits, trials))
        density += _log_beta(a + k, b + (n - k)).sum(axis=0)
    return density


def _log_beta(a: Floats, b: Floats) -> Floats:
    return _log_gamma(a) + _log_gamma(b) - _log_gamma(a + b)


def _log_gamma(x: Floats) -> Floats:
    """Stirling's series after 8 steps of the recurrence, exact to 1e-9 for 0 < x < 1e30. A phone has no SciPy."""
    steps = x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5) * (x + 6) * (x + 7)
    y = x + 8
    r = 1 / y
    rest = r * (1 / 12 - r * r * (1 / 360 - r * r / 1260))
    result: Floats = (y - 0.5) * np.log(y) - y + 0.5 * np.log(2 * np.pi) + rest - np.log(steps)
    return result
