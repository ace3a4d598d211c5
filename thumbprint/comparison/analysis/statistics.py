"""Confidence intervals over users, and significance tests over users and within one user.

The user is the unit of analysis. The words of one user depend on each other, so an interval over words would be far
too narrow. `counted_rows` and `paired_rows` select the users that count in a figure.
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
"""With fewer users, a bootstrap interval is misleadingly narrow, so none is shown."""
_MAX_DRAWN = 2_000_000  # resampled numbers held in memory

Floats = npt.NDArray[np.float64]


def _batch(size: int) -> int:
    """Returns how many resamples of `size` numbers are computed at a time."""
    return max(1, _MAX_DRAWN // max(1, size))


def bootstrap_interval(
    samples: Sequence[npt.ArrayLike], statistic: Callable[..., Floats], seed: int, *, paired: bool = False
) -> tuple[Floats, Floats]:
    """Computes a bootstrap percentile interval (Efron & Tibshirani 1993, ch. 13) by drawing users with replacement.

    Args:
        samples: Each has the shape `[users]` or `[columns, users]`. The columns of a user are drawn together.
        statistic: Called with resamples and the `axis` of their users, like NumPy's reductions.
        paired: All samples have the same users, so each user is drawn with all of their values.

    Returns:
        The lower and the upper limit, each a scalar or `[columns]`; NaN where the statistic of a resample is NaN.
    """
    result = stats.bootstrap(
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
    return result.confidence_interval.low, result.confidence_interval.high


def permutation_p_value(samples: Sequence[npt.ArrayLike], statistic: Callable[..., Floats], seed: int) -> Floats:
    """Permutation test: the probability of a statistic at least as large if users belonged to the samples by chance.

    The test is exact if there are at most `SHUFFLES` ways to assign the users. Otherwise p is
    (1 + number of shuffles with a statistic at least as large) / (1 + shuffles).

    Args:
        samples, statistic: See `bootstrap_interval`.

    Returns:
        A scalar or `[columns]`.
    """
    with np.errstate(over="ignore"):  # scipy counts the ways to assign the users in a float
        result = stats.permutation_test(
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
    p_values: Floats = result.pvalue
    return p_values


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """Returns the mean over users and its bootstrap interval; no interval for fewer than `MIN_USERS`.

    Raises:
        ValueError: `values` is empty.
    """
    if not len(values):
        raise ValueError("there is no mean over no users: leave the figure out")
    mean = float(np.mean(values))
    if len(values) < MIN_USERS:
        return Estimate(value=mean, low=None, high=None)
    low, high = bootstrap_interval([values], np.mean, seed)
    return Estimate(value=mean, low=float(low), high=float(high))


def relative_gain(personal: Sequence[float], shared: Sequence[float], seed: int) -> Estimate | None:
    """Returns mean(personal) / mean(shared) - 1 and its bootstrap interval. Users are drawn with both of their values.

    The result is None if there are no users or the shared mean is 0. It has no interval if the shared mean of a
    resample is 0, or for fewer than `MIN_USERS`.

    Raises:
        ValueError: the two sequences differ in length.
    """
    if len(personal) != len(shared):
        raise ValueError(f"{len(personal)} personal values but {len(shared)} shared ones: pair the users first")
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
    """Returns a share of users and its Wilson interval (1927), valid for shares of 0 and 1; None without users."""
    if not users:
        return None
    limits = stats.binomtest(count, users).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(value=count / users, low=float(limits.low), high=float(limits.high))


def signed_rank(differences: Sequence[float]) -> float:
    """Returns p of Wilcoxon's two-sided signed-rank test (1945), with one difference per user.

    Differences of 0 are dropped, as Wilcoxon proposed. p is 1 if no difference is left.
    """
    nonzero = [difference for difference in differences if difference]
    # For more than 50 users, scipy 1.9 (pinned by TFF) calls a function that numpy 1.25 deprecates.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "np.find_common_type", DeprecationWarning)
        return float(stats.wilcoxon(nonzero).pvalue) if nonzero else 1.0


def mcnemar(gained: Sequence[int], lost: Sequence[int]) -> list[float]:
    """Returns one p per user of McNemar's exact two-sided test (1947) that as many words are gained as lost.

    This is the binomial test on the words for which the two keyboards differ. p is 1 if they never differ.
    """
    pairs = np.array([gained, lost], np.int64)
    if not pairs.size:
        return []
    # Both tails are equally likely. Together they are above 1 only for equal numbers.
    p_values = 2 * stats.binom.cdf(pairs.min(0), pairs.sum(0).clip(min=1), 0.5)
    return [float(p) for p in p_values.clip(max=1.0)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values with Holm's correction (1979), in the given order. The tests need not be independent."""
    return [float(p) for p in multipletests(p_values, method="holm")[1]]


@dataclass(frozen=True)
class Pair:
    """One user's result under a method, and the recall_at_3 of the shared model on the same words."""

    personal: ClientResult
    shared_recall: float

    @property
    def recall(self) -> float:
        return self.personal.counts.recall_at_3

    @property
    def gain(self) -> float:
        """The gain in recall_at_3, without rounding errors: 0 means equal."""
        return gains([self.recall], [self.shared_recall])[0]


def counted_rows(comparison: Comparison, method: MethodResult, group: Group | None = None) -> list[ClientResult]:
    """Returns the rows that count in figures, of one group or both, in the order of measurement."""
    return [
        row
        for row in method.clients
        if row.words and row.messages >= comparison.min_messages and group in (None, row.group)
    ]


def paired_rows(comparison: Comparison, method: MethodResult, group: Group | None = None) -> list[Pair]:
    """Returns the counted rows of users for whom the shared model was measured too."""
    return list(_pairs(comparison, method, group))


def _pairs(comparison: Comparison, method: MethodResult, group: Group | None) -> Iterator[Pair]:
    reference = comparison.method(REFERENCE)
    shared = {row.user_id: row for row in counted_rows(comparison, reference, group)} if reference else {}
    for row in counted_rows(comparison, method, group):
        if row.shared_hits_at_3 is not None:
            yield Pair(row, row.shared_hits_at_3 / row.words)
        elif row.user_id in shared:
            yield Pair(row, shared[row.user_id].counts.recall_at_3)
