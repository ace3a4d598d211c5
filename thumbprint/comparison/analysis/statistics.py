"""How sure a difference is: intervals over users, and paired tests over users and within one.

A user is the unit: words of one user hang together, so an interval over words would be far too narrow.

Which rows a figure is over: users who count, and each beside the same user under the shared model.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from keyboard_model.metrics import gains
from thumbprint.comparison.results import REFERENCE, ClientResult, Comparison, Estimate, Group, MethodResult

RESAMPLES = 2000
CONFIDENCE = 0.95
LEVEL = 0.05
MIN_USERS = 5
"""Below so many users a resampled interval is too narrow to be shown."""
_AT_ONCE = 2_000_000  # drawn numbers held in memory

Floats = npt.NDArray[np.float64]


def resampled_means(values: npt.ArrayLike, seed: int, resamples: int = RESAMPLES) -> Floats:
    """The bootstrap (Efron 1979): means over samples of the users, drawn with replacement.

    Args:
        values: `[users]` or `[users, columns]`; the columns of a user are drawn together.

    Returns:
        `[resamples]` or `[resamples, columns]`.
    """
    x = np.asarray(values, np.float64)
    rng, parts = np.random.default_rng(seed), []
    step = max(1, _AT_ONCE // max(1, x.size))
    for at in range(0, resamples, step):
        drawn = rng.integers(0, len(x), (min(step, resamples - at), len(x)))
        parts.append(x[drawn].mean(axis=1))
    return np.concatenate(parts)


def percentile_interval(resampled: npt.ArrayLike) -> tuple[float, float]:
    """The percentile interval (Efron & Tibshirani 1993, ch. 13) of one resampled figure."""
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(np.asarray(resampled, np.float64), [tail, 100 - tail])
    return float(low), float(high)


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """The mean over users with its bootstrap interval.

    Raises:
        ValueError: there is nobody.
    """
    if not len(values):
        raise ValueError("there is no mean over nobody: leave the figure out")
    mean = float(np.mean(values))
    if len(values) < MIN_USERS:
        return Estimate(value=mean, low=None, high=None)
    low, high = percentile_interval(resampled_means(values, seed))
    return Estimate(value=mean, low=low, high=high)


def relative_gain(personal: Sequence[float], shared: Sequence[float], seed: int) -> Estimate | None:
    """mean(personal) / mean(shared) - 1 with its bootstrap interval, users drawn with both of their values.

    None for nobody, or when the shared mean is 0; without an interval when that of a resample is.

    Raises:
        ValueError: the two are not of the same users (lengths differ).
    """
    if len(personal) != len(shared):
        raise ValueError(f"{len(personal)} personal values against {len(shared)} shared ones: pair the users first")
    if not len(shared) or not np.mean(shared):
        return None
    value = float(np.mean(personal) / np.mean(shared) - 1)
    means = resampled_means(np.stack([personal, shared], axis=1), seed)
    if len(shared) < MIN_USERS or not means[:, 1].all():
        return Estimate(value=value, low=None, high=None)
    ratios: Floats = means[:, 0] / means[:, 1]
    low, high = percentile_interval(ratios - 1.0)
    return Estimate(value=value, low=low, high=high)


def fraction_estimate(count: int, users: int) -> Estimate | None:
    """A share of users with Wilson's interval (1927), which is honest where nobody or everybody is counted."""
    if not users:
        return None
    found = stats.binomtest(count, users).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(value=count / users, low=float(found.low), high=float(found.high))


def signed_rank(differences: Sequence[float]) -> float:
    """Wilcoxon's signed-rank test (1945), two-sided, one difference a user: returns p.

    Differences of 0 are dropped (Wilcoxon's own rule); p is 1 when no other is left.
    """
    nonzero = [difference for difference in differences if difference]
    with warnings.catch_warnings():  # scipy 1.9, which TFF pins, calls what numpy 1.25 gives up, for over 50 users
        warnings.filterwarnings("ignore", "np.find_common_type", DeprecationWarning)
        return float(stats.wilcoxon(nonzero).pvalue) if nonzero else 1.0


def mcnemar(gained: Sequence[int], lost: Sequence[int]) -> list[float]:
    """McNemar's exact test (1947), two-sided, a p a user: might as many words be gained as lost?

    Under that hypothesis each word on which the two keyboards differ is a fair coin; 1 when there is none.
    """
    fewer = np.minimum(gained, lost)
    differing = np.asarray(gained) + np.asarray(lost)
    return [float(p) for p in np.minimum(1.0, 2 * stats.binom.cdf(fewer, differing, 0.5))]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979) for many tests: adjusted p in the order given; holds whatever their dependence."""
    count = len(p_values)
    adjusted, floor = [0.0] * count, 0.0
    for rank, i in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        floor = max(floor, min(1.0, (count - rank) * p_values[i]))
        adjusted[i] = floor
    return adjusted


@dataclass(frozen=True)
class Pair:
    """One user under a method, and the recall_at_3 of the shared model on the same words."""

    personal: ClientResult
    shared_recall: float

    @property
    def recall(self) -> float:
        return self.personal.counts.recall_at_3

    @property
    def gain(self) -> float:
        """In recall_at_3, without rounding noise: 0 means the same."""
        return gains([self.recall], [self.shared_recall])[0]


def counted(comparison: Comparison, method: MethodResult, group: Group | None = None) -> list[ClientResult]:
    """Returns the rows that enter figures, of one group or of both, in the order measured."""
    return [
        row
        for row in method.clients
        if row.words and row.messages >= comparison.min_messages and group in (None, row.group)
    ]


def paired(comparison: Comparison, method: MethodResult, group: Group | None = None) -> list[Pair]:
    """Returns the counted users whose words the shared model was asked for as well; empty when it never was."""
    return list(_pairs(comparison, method, group))


def _pairs(comparison: Comparison, method: MethodResult, group: Group | None) -> Iterator[Pair]:
    reference = comparison.method(REFERENCE)
    shared = {row.user_id: row for row in counted(comparison, reference, group)} if reference else {}
    for row in counted(comparison, method, group):
        if row.shared_hits_at_3 is not None:
            yield Pair(row, row.shared_hits_at_3 / row.words)
        elif row.user_id in shared:
            yield Pair(row, shared[row.user_id].counts.recall_at_3)
