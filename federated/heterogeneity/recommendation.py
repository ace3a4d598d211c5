"""Recommends a personalization method for a measured population: the first rule that applies decides.

Each rule has a measured figure, a threshold and a reason. The thresholds are set on the synthetic populations of
`benchmarks/graded`, between populations that personalization cannot help and populations that it should help;
exceptions are noted. They were set before any method was measured on these populations. The conclusions drawn from the
rules were corrected afterwards.

A recommendation is a starting point: check it with `thumbprint compare`, which measures the methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from federated.heterogeneity.report import Heterogeneity
from federated.heterogeneity.user_clusters import CLEAR

Method = Literal["global_only", "user_history", "ditto", "clustered", "local_only", "thumbprint"]

MOST_STEPS = 20
PULL = 0.01
"""λ at which the pull to the shared model equals the curvature of the loss; used if the trusted share is one half."""
LEAST_PULL, MOST_PULL = 0.001, 1.0
ALL_WORDS = 10_000

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
all of them write English (disjoint: 0.5); users of different languages would."""
DRIFTING = 0.06
"""Mean difference between a user's first and last words from which old words mislead. No graded population drifts; they
show at most 0.024, by chance."""
WITHIN = 0.5
"""Difference within a cluster, as a share of the difference between users, from which clusters are not enough. The
clustered population shows 0.0."""
RECENT_WORDS = 500
"""Words that an adaptation reads if users drift; K, λ and the trusted share never count on more words."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one rule.

    Attributes:
        rule: The question.
        measured: The figure behind it; None if it could not be measured (the rule then does not hold).
        threshold: The lowest figure at which the rule holds.
        holds: Whether it holds.
        reason: What the outcome means.
    """

    rule: str
    measured: float | None
    threshold: float
    holds: bool
    reason: str


@dataclass(frozen=True)
class Findings:
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


def evaluate_rules(found: Heterogeneity) -> Findings:
    """Returns the finding of every rule for these users."""
    between = found.between_users.difference.mean if found.between_users else None
    drift = found.drift.difference.mean if found.drift else None
    silhouettes = found.clusters.silhouettes.values()
    clear = found.clusters.silhouettes.get(found.clusters.count, max(silhouettes, default=None))
    words = "pieces" if found.gradients else "words"
    evidence = evidence_of(found)
    return Findings(
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
            "a shared model cannot suggest words that only one user types; the history on that user's phone can",
            "almost no word is typed by only one user",
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


@dataclass(frozen=True)
class Recommendation:
    """The recommended method and settings, with reasons.

    Attributes:
        method: Its name in `federated.algorithms.registry`; global_only means no personalization.
        because: The reason in one sentence.
        clusters: Number of shared models.
        steps: Steps K of an adaptation; 0 if the method does not adapt.
        proximal: λ of the pull to the shared model.
        evidence: Words at which a user's own mean has weight one half (see `evidence`); None if nothing is adapted.
        newest_words: Words of the history that an adaptation reads.
        try_also: Methods to compare it with.
        findings: The outcome of every rule.
    """

    method: Method
    because: str
    clusters: int
    steps: int
    proximal: float
    evidence: float | None
    newest_words: int
    try_also: tuple[Method, ...]
    findings: tuple[Finding, ...]

    @property
    def personalize(self) -> bool:
        return self.method != "global_only"


def recommend_method(found: Heterogeneity) -> Recommendation:
    """Returns the recommendation for these users; it depends on the figures alone."""
    findings = evaluate_rules(found)
    method, because = _method(found, findings)
    trusted = trusted_share(found)
    adapts = method in ("thumbprint", "local_only") and trusted > 0
    return Recommendation(
        method=method,
        because=because,
        clusters=found.clusters.count if method != "global_only" else 1,
        steps=max(1, round(MOST_STEPS * trusted)) if adapts else 0,
        proximal=_pull(trusted) if adapts and method != "local_only" else 0.0,
        evidence=evidence_of(found) if adapts else None,
        newest_words=RECENT_WORDS if findings.drifting.holds else ALL_WORDS,
        try_also=_alternatives(method, found.clusters.count),
        findings=findings.all(),
    )


def _method(found: Heterogeneity, findings: Findings) -> tuple[Method, str]:
    if found.length is None:
        return (
            "global_only",
            "users typed too little to tell their differences from chance, so there is nothing to learn from them",
        )
    if not findings.differ.holds:
        return (
            "global_only",
            "don't personalize: users write alike, and a phone would learn only noise from its user",
        )
    if findings.apart.holds:
        return "local_only", "users have almost no words in common: a shared model does not help them"
    if findings.trusted.holds:
        return "thumbprint", "users typed enough for their own words and habits to predict what they type next"
    if findings.clustered.holds and not findings.within.holds:
        return (
            "clustered",
            "users form groups, are alike within them and typed too little individually: one shared model per group",
        )
    if findings.own_words.holds:
        return (
            "user_history",
            "users have words of their own, but typed too little for an adapter to tell habit from noise",
        )
    return "global_only", "don't personalize: the differences between users are smaller than the noise in their texts"


def _pull(trusted: float) -> float:
    """Returns λ: with curvature c, a proximal term of λ keeps the share c / (c + λ) of the move, here `trusted`."""
    return min(MOST_PULL, max(LEAST_PULL, PULL * (1 - trusted) / trusted))


def _alternatives(method: Method, groups: int) -> tuple[Method, ...]:
    candidates: tuple[Method, ...] = ("global_only", "user_history", "ditto", "thumbprint")
    return tuple(other for other in (*candidates, *(("clustered",) if groups > 1 else ())) if other != method)
