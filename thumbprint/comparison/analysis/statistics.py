"""How certain a difference is: intervals over users, and paired tests over users and within one user.

The user is the unit of analysis. The words of one user depend on each other, so an interval over words would be far
too narrow. `counted` and `paired` select the users that enter a figure.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.multitest import multipletests

from keyboard_model.metrics import gains
from thumbprint.comparison.results import REFERENCE, ClientResult, Comparison, Estimate, Group, MethodResult

RESAMPLES, SHUFFLES = 2000, 1000
CONFIDENCE = 0.95
LEVEL = 0.05
MIN_USERS = 5
"""With fewer users a bootstrap interval is too narrow to be shown."""
_AT_ONCE = 2_000_000  # drawn numbers held in memory at once

Floats = npt.NDArray[np.float64]


def _batch(size: int) -> int:
    """Returns how many resamples of `size` numbers are held in memory at once."""
    return max(1, _AT_ONCE // max(1, size))


def bootstrap_interval(
    samples: Sequence[npt.ArrayLike], statistic: Callable[..., Floats], seed: int, *, paired: bool = False
) -> tuple[Floats, Floats]:
    """The bootstrap's percentile interval (Efron & Tibshirani 1993, ch. 13); users are drawn with replacement.

    Args:
        samples: each `[users]` or `[columns, users]`; the columns of a user are drawn together.
        statistic: called with resamples and the `axis` of their users, as NumPy's own reductions are.
        paired: The samples are of the same users, who are drawn with all of their values.

    Returns:
        The low and the high end, each a scalar or `[columns]`; NaN where the statistic of a resample is NaN.
    """
    found = stats.bootstrap(
        samples,
        statistic,
        axis=-1,
        paired=paired,
        n_resamples=RESAMPLES,
        batch=_batch(sum(np.size(sample) for sample in samples)),
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=np.random.default_rng(seed),
    )
    return found.confidence_interval.low, found.confidence_interval.high


def permutation_p_value(samples: Sequence[npt.ArrayLike], statistic: Callable[..., Floats], seed: int) -> Floats:
    """The permutation test: p of a statistic as large as observed, if users belonged to the samples by chance.

    Exact where there are no more than `SHUFFLES` ways to deal the users; else (1 + as large) / (1 + shuffles).
    For the arguments see `bootstrap_interval`; returns a scalar or `[columns]`.
    """
    with np.errstate(over="ignore"):  # scipy counts the ways to deal the users, as a float
        found = stats.permutation_test(
            samples,
            statistic,
            axis=-1,
            permutation_type="independent",
            vectorized=True,
            n_resamples=SHUFFLES,
            batch=_batch(sum(np.size(sample) for sample in samples)),
            alternative="greater",
            random_state=np.random.default_rng(seed),
        )
    p_values: Floats = found.pvalue
    return p_values


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """The mean over users with its bootstrap interval; no interval for fewer than `MIN_USERS`.

    Raises:
        ValueError: `values` is empty.
    """
    if not len(values):
        raise ValueError("cannot take the mean of no users: leave the figure out")
    mean = float(np.mean(values))
    if len(values) < MIN_USERS:
        return Estimate(value=mean, low=None, high=None)
    low, high = bootstrap_interval([values], np.mean, seed)
    return Estimate(value=mean, low=float(low), high=float(high))


def relative_gain(personal: Sequence[float], shared: Sequence[float], seed: int) -> Estimate | None:
    """mean(personal) / mean(shared) - 1 with its bootstrap interval, users drawn with both of their values.

    None for no users, or when the shared mean is 0. No interval when the shared mean of a resample is 0.

    Raises:
        ValueError: the two are not of the same users (lengths differ).
    """
    if len(personal) != len(shared):
        raise ValueError(f"{len(personal)} personal values against {len(shared)} shared ones: pair the users first")
    if not len(shared) or not np.mean(shared):
        return None
    value = float(np.mean(personal) / np.mean(shared) - 1)
    if len(shared) < MIN_USERS:
        return Estimate(value=value, low=None, high=None)
    low, high = bootstrap_interval([personal, shared], _relative, seed, paired=True)
    if np.isnan(low):
        return Estimate(value=value, low=None, high=None)
    return Estimate(value=value, low=float(low), high=float(high))


def _relative(personal: Floats, shared: Floats, axis: int) -> Floats:
    means = shared.mean(axis)
    ratio: Floats = personal.mean(axis) / np.where(means == 0, np.nan, means) - 1
    return ratio


def fraction_estimate(count: int, users: int) -> Estimate | None:
    """A share of users with Wilson's interval (1927), which stays right for shares of 0 and 1. None for no users."""
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
    """McNemar's exact test (1947), two-sided, one p per user: might as many words be gained as lost?

    It is the binomial test of the words on which the two keyboards differ; p is 1 when there is none.
    """
    return [
        float(stats.binomtest(plus, plus + minus).pvalue) if plus + minus else 1.0
        for plus, minus in zip(gained, lost, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979) for several tests, whatever their dependence: adjusted p in the order given."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]]


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
    """Returns the counted users on whose words the shared model was measured too; empty where it was not."""
    return list(_pairs(comparison, method, group))


def _pairs(comparison: Comparison, method: MethodResult, group: Group | None) -> Iterator[Pair]:
    reference = comparison.method(REFERENCE)
    shared = {row.user_id: row for row in counted(comparison, reference, group)} if reference else {}
    for row in counted(comparison, method, group):
        if row.shared_hits_at_3 is not None:
            yield Pair(row, row.shared_hits_at_3 / row.words)
        elif row.user_id in shared:
            yield Pair(row, shared[row.user_id].counts.recall_at_3)
