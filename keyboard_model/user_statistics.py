"""Figures over users with 95 % intervals. The user is the unit: the words of one user depend on each other.

An interval over words would be far too narrow. The bootstrap therefore draws whole users with replacement, each with
all of their values, also where every word counts once (cluster bootstrap, Field and Welsh 2007). Intervals are
percentile intervals (Efron and Tibshirani 1993, chapter 13); with few users they are somewhat too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from keyboard_model.metrics import Estimate, Spread

RESAMPLES = 2000
CONFIDENCE = 0.95
MIN_USERS = 5
"""With fewer users, a bootstrap interval is misleadingly narrow, so none is given."""
_MAX_DRAWN = 2_000_000  # resampled numbers held in memory

Floats = npt.NDArray[np.float64]
Statistic = Callable[..., Floats]
"""Called with resamples and the `axis` of their users, like NumPy's reductions."""


def bootstrap_interval(
    samples: Sequence[npt.ArrayLike], statistic: Statistic, seed: int, *, paired: bool = False
) -> tuple[Floats, Floats]:
    """Computes a percentile interval by drawing users with replacement.

    Args:
        samples: Each has the shape `[users]` or `[columns, users]`. The columns of a user are drawn together.
        statistic: Reduces the users of each sample to one number, or one number for each column.
        seed: Decides the draws.
        paired: All samples have the same users, so each user is drawn with all of their values.

    Returns:
        The lower and the upper limit, each a scalar or `[columns]`; NaN where the statistic of a resample is NaN.
    """
    arrays = [np.asarray(sample, np.float64) for sample in samples]
    rng = np.random.default_rng(seed)
    batch = max(1, _MAX_DRAWN // max(1, sum(array.size for array in arrays)))
    values = []
    for done in range(0, RESAMPLES, batch):
        rows = min(batch, RESAMPLES - done)
        drawn = [rng.integers(0, each.shape[-1], (rows, each.shape[-1])) for each in arrays[: 1 if paired else None]]
        resampled = [each[..., drawn[0 if paired else i]] for i, each in enumerate(arrays)]
        values.append(statistic(*resampled, axis=-1))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(np.concatenate(values, axis=-1), [tail, 100 - tail], axis=-1)
    return low, high


def estimate(samples: Sequence[Sequence[float]], statistic: Statistic, seed: int = 0) -> Estimate | None:
    """Returns a figure over users and its interval. Each user is drawn with one value from each sample.

    The result is None without users, or if the statistic is not finite. It has no interval for fewer than `MIN_USERS`,
    or if the statistic of a resample is not finite.

    Raises:
        ValueError: the samples differ in length, so they are not of the same users.
    """
    if len({len(sample) for sample in samples}) > 1:
        raise ValueError(f"samples of {', '.join(str(len(each)) for each in samples)} users: pair the users first")
    if not len(samples[0]):
        return None
    value = float(statistic(*(np.asarray(sample, np.float64) for sample in samples), axis=-1))
    if not np.isfinite(value):
        return None
    if len(samples[0]) < MIN_USERS:
        return Estimate(value, None, None)
    low, high = bootstrap_interval(samples, statistic, seed, paired=True)
    if np.isnan(low):
        return Estimate(value, None, None)
    return Estimate(value, float(low), float(high))


def mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """Returns the mean over users and its interval, for at least `MIN_USERS`.

    Raises:
        ValueError: `values` is empty.
    """
    found = estimate([values], np.mean, seed)
    if found is None:
        raise ValueError("there is no mean over no users: leave the figure out")
    return found


def pooled(parts: Sequence[float], wholes: Sequence[float], seed: int = 0) -> Estimate | None:
    """Returns sum(parts) / sum(wholes) and its interval; None if the wholes are 0.

    With the hits and words of each user, this is the recall in which every word counts once.
    """
    return estimate([parts, wholes], _ratio_of_sums, seed)


def relative_gain(
    personal: Sequence[float], shared: Sequence[float], seed: int = 0, average: Statistic = np.mean
) -> Estimate | None:
    """Returns average(personal) / average(shared) - 1 and its interval; None if the shared average is 0.

    Args:
        personal, shared: One value for each user, in the same order.
        seed: Decides the draws.
        average: The mean or the median over users.
    """

    def relative(above: Floats, below: Floats, axis: int) -> Floats:
        return _ratio(average(above, axis=axis), average(below, axis=axis)) - 1

    return estimate([personal, shared], relative, seed)


def _ratio_of_sums(parts: Floats, wholes: Floats, axis: int) -> Floats:
    return _ratio(parts.sum(axis), wholes.sum(axis))


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = part / np.where(whole == 0, np.nan, whole)
    return ratio


def fraction(count: int, users: int) -> Estimate | None:
    """Returns a share of users and its Wilson interval (1927), valid for shares of 0 and 1; None without users."""
    if not users:
        return None
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share, extra = count / users, z * z / users
    middle = (share + extra / 2) / (1 + extra)
    half = (extra * (share * (1 - share) + extra / 4)) ** 0.5 / (1 + extra)
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def spread(values: Sequence[float], seed: int = 0, users: Sequence[str] | None = None) -> Spread:
    """Returns the distribution of one value per user; every field is None without values.

    Args:
        values: One for each user.
        seed: Decides the draws of the interval.
        users: Whose value each one is, if a user has several of them. The interval then draws users with all of theirs.

    >>> spread([0.1, 0.2, 0.6]).median
    0.2
    """
    average = estimate([values], np.mean, seed) if users is None else _mean_of_clusters(values, users, seed)
    if average is None:
        return Spread(None, None, None, None, None, None)
    x = np.asarray(values, np.float64)
    return Spread(
        mean=average.value,
        low=average.low,
        high=average.high,
        median=float(np.median(x)),
        p10=float(np.percentile(x, 10)),
        std=float(x.std()),
    )


def _mean_of_clusters(values: Sequence[float], users: Sequence[str], seed: int) -> Estimate | None:
    cluster = np.unique(np.asarray(users), return_inverse=True)[1]
    return pooled(np.bincount(cluster, values).tolist(), np.bincount(cluster).tolist(), seed)
