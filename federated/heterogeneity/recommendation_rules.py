"""The rules behind a recommendation, each with its measured figure, its threshold and its reason.

The thresholds are set on the synthetic populations of `benchmarks/graded`, between populations that personalization
cannot help and populations that it should help; exceptions are noted. They were set before any method was measured on
these populations. The conclusions drawn from the rules (`recommendation`) were corrected afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from federated.heterogeneity.report import Heterogeneity
from federated.heterogeneity.user_clusters import CLEAR

ALIKE = 0.03
"""Mean difference between users below which they count as one source: identical users show 0.00, users with a quarter
of their own messages 0.08."""
OWN_WORDS = 0.03
"""Mean share of typing in unshared words from which a history of own words pays off: identical users show 0.01 (words
so rare that one user has them by chance), users with a quarter of their own messages 0.07."""
TRUSTED = 0.25
"""Trusted share from which an adapter pays off: between users with a quarter of their own messages (0.2), who differ by
their own words, and users with a half (0.4)."""
APART = 0.9
"""Mean difference between users from which a shared model has nothing to offer. No graded population reaches it because
all of them write English (disjoint: 0.5): it takes users of different languages."""
DRIFTING = 0.06
"""Mean difference between a user's first and last words from which old words mislead. No graded population drifts; they
show up to 0.024 by chance."""
WITHIN = 0.5
"""Difference within a cluster, as a share of the difference between users, from which clusters are not enough. The
clustered population shows 0.0."""
RECENT_WORDS = 500
"""Words that an adaptation reads of a user who drifts, and the most words on which K, λ and the trusted share rely."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one rule.

    Attributes:
        rule: The question.
        measured: The figure behind it; None if it could not be measured (the rule then does not hold).
        threshold: The least figure at which the rule holds.
        holds: Whether it holds.
        reason: What the outcome means.
    """

    rule: str
    measured: float | None
    threshold: float
    holds: bool
    reason: str


@dataclass(frozen=True)
class Answers:
    """The finding of each rule, by name."""

    differ: Finding
    apart: Finding
    clustered: Finding
    within: Finding
    own_words: Finding
    trusted: Finding
    drifting: Finding

    def all(self) -> tuple[Finding, ...]:
        return (
            self.differ, self.apart, self.clustered, self.within, self.own_words, self.trusted, self.drifting,
        )  # fmt: skip


def answers(found: Heterogeneity) -> Answers:
    """Evaluates every rule."""
    between = found.between_users.difference.mean if found.between_users else None
    drift = found.drift.difference.mean if found.drift else None
    silhouettes = found.clusters.silhouettes.values()
    clear = found.clusters.silhouettes.get(found.clusters.count, max(silhouettes, default=None))
    words = "pieces" if found.gradients else "words"
    evidence = evidence_of(found)
    return Answers(
        differ=_finding(
            "do users differ more than by chance?", between, ALIKE,
            "two users' texts differ more than two texts of one user",
            "two users' texts differ no more than two texts of one user",
        ),
        apart=_finding(
            "do users share no language?", between, APART,
            "they have almost no words in common", "they have a common language to learn",
        ),
        clustered=Finding(
            "do users form groups?", clear, CLEAR, found.clusters.count > 1,
            f"{found.clusters.count} groups are also separate on text that was not used to form them"
            if found.clusters.count > 1
            else "no grouping with a tenth of the users or more in each group is clear on other text",
        ),
        within=_finding(
            "do users of one group still differ?", _ratio(found.within_clusters, between), WITHIN,
            "within a group users differ nearly as much", "the group explains how users differ",
        ),
        own_words=_finding(
            "do users have words of their own?", found.outside_shared.mean if found.outside_shared else None, OWN_WORDS,
            "no shared model can suggest words that nobody else types: a phone's history can",
            "hardly any word belongs to one user alone",
        ),
        trusted=_finding(
            "did users type enough to be trusted?",
            trusted_share(found) if found.signal or found.gradients else None, TRUSTED,
            f"{evidence:,.0f} {words} of a user's own are enough to trust them by half" if evidence else "",
            f"{evidence:,.0f} {words} of a user's own would be enough to trust them by half, more than they typed"
            if evidence else "the differences between users are lost in noise",
        ),
        drifting=_finding(
            "do users change with time?", drift, DRIFTING,
            "a user's old words no longer represent them: adapt on the newest", "old words are as good as new ones",
        ),
    )  # fmt: skip


def _finding(rule: str, measured: float | None, threshold: float, holding: str, failing: str) -> Finding:
    if measured is None:
        return Finding(rule, None, threshold, False, "not measured: too little text, or nothing to compare")
    holds = measured >= threshold
    return Finding(rule, measured, threshold, holds, holding if holds else failing)


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole is not None and whole >= ALIKE else None


def evidence_of(found: Heterogeneity) -> float | None:
    """Returns the gradients' evidence if there is a run (an adapter learns from them), else that of the words."""
    signal = found.gradients.signal if found.gradients else found.signal
    return signal.evidence if signal else None


def trusted_share(found: Heterogeneity) -> float:
    """Returns the trusted share of a user with `RECENT_WORDS` words, or at the 90th percentile if that is fewer.

    The phone itself moves users less if they typed less (the recipe's `evidence`), so K and λ suit the full user.
    """
    evidence = evidence_of(found)
    words = min(RECENT_WORDS, found.words.percentiles["p90"])
    return words / (words + evidence) if evidence is not None and words else 0.0
