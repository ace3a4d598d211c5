"""The questions that advice asks of the figures, each with what it measured, its threshold and its reason.

Thresholds are set on the synthetic populations of `benchmarks/graded`, between what is measured on those whom
nothing personal can help and on those whom it should; where one is not, it says so. They were set before any method
was measured on these populations; what follows from the answers (`advice`) was mended after it.
"""

from __future__ import annotations

from dataclasses import dataclass

from federated.heterogeneity.report import Heterogeneity
from federated.heterogeneity.user_clusters import CLEAR

ALIKE = 0.03
"""Mean difference between users below which they are one source: identical users show 0.00, those with a quarter of
their messages their own 0.08."""
OWN_WORDS = 0.03
"""Mean share of typing in words that nobody shares, from which a history of one's own words pays: identical users show
0.01 (words so rare that chance leaves them to one), those with a quarter of their messages their own 0.07."""
TRUSTED = 0.25
"""Share of a user's own optimum that their text warrants, from which an adapter pays. Between users with a quarter of
their messages their own (0.2), who differ by words of their own, and with a half (0.4)."""
APART = 0.9
"""Mean difference between users from which there is nothing to share. No graded population reaches it, for all of them
write English (disjoint: 0.5): it takes users of other languages."""
DRIFTING = 0.06
"""Mean difference of a user's first words to their last, from which old words mislead. No graded population drifts, and
chance shows up to 0.024 on them."""
WITHIN = 0.5
"""Difference that is left inside a cluster, as a share of that between users, from which clusters do not suffice. The
clustered population leaves 0.0."""
RECENT_WORDS = 500
"""What an adaptation reads of a user who drifts, and the most that K, λ and the question of trust count on."""


@dataclass(frozen=True)
class Finding:
    """One rule's outcome.

    Attributes:
        rule: What is asked.
        measured: The figure it reads; None where it could not be measured, and then the rule does not hold.
        threshold: Held from here on.
        holds: The answer.
        reason: What the answer means.
    """

    rule: str
    measured: float | None
    threshold: float
    holds: bool
    reason: str


@dataclass(frozen=True)
class Answers:
    """Every rule's finding, by what it asks."""

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
    """Asks every question."""
    between = found.between_users.difference.mean if found.between_users else None
    drift = found.drift.difference.mean if found.drift else None
    silhouettes = found.clusters.silhouettes.values()
    clear = found.clusters.silhouettes.get(found.clusters.count, max(silhouettes, default=None))
    words = "pieces" if found.gradients else "words"
    evidence = evidence_of(found)
    return Answers(
        differ=_finding(
            "do users differ more than chance?", between, ALIKE,
            "two users' texts differ more than two texts of one user", "two users' texts are as two texts of one",
        ),
        apart=_finding(
            "do users share no language?", between, APART,
            "they have next to no words in common", "there is a common language to learn from everybody",
        ),
        clustered=Finding(
            "do users fall into groups?", clear, CLEAR, found.clusters.count > 1,
            f"{found.clusters.count} groups stay apart on text they were not made from"
            if found.clusters.count > 1 else "no grouping of a tenth of the users or more is clear on other text",
        ),
        within=_finding(
            "do users of one group still differ?", _ratio(found.within_clusters, between), WITHIN,
            "inside a group users differ nearly as much", "what sets users apart is their group",
        ),
        own_words=_finding(
            "have users words of their own?", found.outside_shared.mean if found.outside_shared else None, OWN_WORDS,
            "no shared model can suggest words that nobody else types: a phone's history can",
            "hardly a word is one user's alone",
        ),
        trusted=_finding(
            "did users type enough to be believed?",
            trusted_share(found) if found.signal or found.gradients else None, TRUSTED,
            f"half of a user's own is warranted at {evidence:,.0f} {words}" if evidence else "",
            f"half of a user's own would be warranted at {evidence:,.0f} {words}, more than they typed"
            if evidence else "what sets users apart is lost in noise",
        ),
        drifting=_finding(
            "do users change with time?", drift, DRIFTING,
            "a user's old words are no longer theirs: adapt on the newest", "old words are as good as new ones",
        ),
    )  # fmt: skip


def _finding(rule: str, measured: float | None, threshold: float, holding: str, failing: str) -> Finding:
    if measured is None:
        return Finding(rule, None, threshold, False, "not measured: there is too little text, or nothing to compare")
    holds = measured >= threshold
    return Finding(rule, measured, threshold, holds, holding if holds else failing)


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole is not None and whole >= ALIKE else None


def evidence_of(found: Heterogeneity) -> float | None:
    """Returns the gradients' where there is a run, for they are what an adapter learns from; the words' otherwise."""
    signal = found.gradients.signal if found.gradients else found.signal
    return signal.evidence if signal else None


def trusted_share(found: Heterogeneity) -> float:
    """Returns the share warranted for who fills `RECENT_WORDS`, or the user at the 90th percentile if fewer do.

    Who typed less is moved less by the phone itself (the recipe's `evidence`), so K and λ are those of the full user.
    """
    evidence = evidence_of(found)
    words = min(RECENT_WORDS, found.words.percentiles["p90"])
    return words / (words + evidence) if evidence is not None and words else 0.0
