"""What to ship for users who differ so: the first answer that fits decides.

Advice is a start to be checked with `thumbprint compare`, which measures what rules can only expect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from federated.heterogeneity.recommendation_rules import (
    RECENT_WORDS,
    Answers,
    Finding,
    answers,
    evidence_of,
    trusted_share,
)
from federated.heterogeneity.report import Heterogeneity

Method = Literal["global_only", "user_history", "ditto", "clustered", "local_only", "thumbprint"]

MOST_STEPS = 20
PULL = 0.01
"""λ at which the pull to the shared model matches the loss's own curvature: the two are equal where half is trusted."""
LEAST_PULL, MOST_PULL = 0.001, 1.0
ALL_WORDS = 2000


@dataclass(frozen=True)
class Recommendation:
    """What to ship, and why.

    Attributes:
        method: As `federated.algorithms.registry` names it; global_only is "don't personalize".
        because: The reason in one sentence.
        clusters: How many shared models.
        steps: K of an adaptation; 0 where nothing is adapted.
        proximal: λ of its pull to the shared model.
        evidence: Words at which half of a user's own is believed (see `signal`); None where nothing is adapted.
        newest_words: How much of the history an adaptation reads.
        try_also: What to put beside it in a comparison.
        findings: Every rule, whether it holds or not.
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
    """Returns what to ship for these users. Pure: the same figures, the same advice."""
    asked = answers(found)
    method, because = _method(found, asked)
    trusted = trusted_share(found)
    adapts = method in ("thumbprint", "local_only") and trusted > 0
    return Recommendation(
        method=method,
        because=because,
        clusters=found.clusters.count if method != "global_only" else 1,
        steps=max(1, round(MOST_STEPS * trusted)) if adapts else 0,
        proximal=_pull(trusted) if adapts and method != "local_only" else 0.0,
        evidence=evidence_of(found) if adapts else None,
        newest_words=RECENT_WORDS if asked.drifting.holds else ALL_WORDS,
        try_also=_beside(method, found.clusters.count),
        findings=asked.all(),
    )


def _method(found: Heterogeneity, asked: Answers) -> tuple[Method, str]:
    if found.length is None:
        return (
            "global_only",
            "users typed too little to tell their difference from chance, so nothing can be learnt of it",
        )
    if not asked.differ.holds:
        return "global_only", "don't personalize: users write alike, and what one phone learns of its own is noise"
    if asked.apart.holds:
        return "local_only", "users have next to no words in common: a shared model teaches them nothing"
    if asked.trusted.holds:
        return "thumbprint", "users typed enough for their own words and habits to tell what they type next"
    if asked.clustered.holds and not asked.within.holds:
        return (
            "clustered",
            "users fall into groups, are alike inside them and typed too little alone: a shared model a group",
        )
    if asked.own_words.holds:
        return (
            "user_history",
            "users have words of their own, but typed too little for an adapter to tell habit from noise",
        )
    return "global_only", "don't personalize: the users' difference is smaller than the noise of what they typed"


def _pull(trusted: float) -> float:
    """λ: a proximal term of λ against a curvature c keeps c / (c + λ) of the move; this is the share trusted."""
    return min(MOST_PULL, max(LEAST_PULL, PULL * (1 - trusted) / trusted))


def _beside(method: Method, groups: int) -> tuple[Method, ...]:
    every: tuple[Method, ...] = ("global_only", "user_history", "ditto", "thumbprint")
    return tuple(other for other in (*every, *(("clustered",) if groups > 1 else ())) if other != method)
