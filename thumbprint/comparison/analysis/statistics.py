"""Significance tests over users, and the users that count in a figure.

The user is the unit of analysis, as in `keyboard_model.user_statistics`. `counted_rows` and `paired_rows` select users.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.multitest import multipletests

from keyboard_model.metrics import gains
from keyboard_model.user_statistics import Floats, Statistic
from thumbprint.comparison.results import REFERENCE, ClientResult, Comparison, Group, MethodResult

SHUFFLES = 1000
LEVEL = 0.05
_MAX_DRAWN = 2_000_000  # shuffled numbers held in memory


def permutation_p_value(samples: Sequence[npt.ArrayLike], statistic: Statistic, seed: int) -> Floats:
    """Permutation test: the probability of a statistic at least as large if users belonged to the samples by chance.

    The test is exact if there are at most `SHUFFLES` ways to assign the users. Otherwise p is
    (1 + number of shuffles with a statistic at least as large) / (1 + shuffles).

    Args:
        samples, statistic, seed: See `bootstrap_interval`.

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
            batch=max(1, _MAX_DRAWN // max(1, sum(np.size(sample) for sample in samples))),
            alternative="greater",
            random_state=np.random.default_rng(seed),
        )
    p_values: Floats = result.pvalue
    return p_values


def signed_rank(differences: Sequence[float]) -> float:
    """Returns p of Wilcoxon's two-sided signed-rank test (1945), with one difference per user.

    Differences of 0 are dropped, as Wilcoxon proposed. p is 1 if no difference is left.
    """
    nonzero = [difference for difference in differences if difference]
    # For more than 50 users, scipy 1.9 (pinned by TFF) calls a function that numpy 1.25 deprecates.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "np.find_common_type", DeprecationWarning)
        return float(stats.wilcoxon(nonzero).pvalue) if nonzero else 1.0


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
    def prequential_gain(self) -> float | None:
        """The gain of a phone that counts each message after its test; None if this was not tested."""
        recall = self.personal.prequential_recall
        return None if recall is None else gains([recall], [self.shared_recall])[0]

    @property
    def gain(self) -> float:
        """The gain in recall_at_3, without rounding errors: 0 means equal."""
        return gains([self.recall], [self.shared_recall])[0]


def counted_rows(comparison: Comparison, method: MethodResult, group: Group | None = None) -> list[ClientResult]:
    """Returns the rows that count in figures, of one group or both, in the order of measurement.

    Of both groups, a user counts once: with several folds, a new phone of one is a user in training of another, and
    then counts as a new phone.
    """
    rows = [row for row in method.clients if row.words and row.messages >= comparison.min_messages]
    if group is not None:
        return [row for row in rows if row.group == group]
    new = {row.user_id for row in rows if row.group == "new_phone"}
    return [row for row in rows if row.group == "new_phone" or row.user_id not in new]


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
