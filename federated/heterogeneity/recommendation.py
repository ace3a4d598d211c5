"""Recommends a personalization method for a measured population: the first rule that applies decides.

A recommendation is a starting point: check it with `thumbprint compare`, which measures the methods.
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
"""λ at which the pull to the shared model equals the curvature of the loss; used if the trusted share is one half."""
LEAST_PULL, MOST_PULL = 0.001, 1.0
ALL_WORDS = 2000


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
            "users typed too little to tell their differences from chance, so nothing can be learnt from them",
        )
    if not asked.differ.holds:
        return "global_only", "don't personalize: users write alike, and what a phone learns from its own user is noise"
    if asked.apart.holds:
        return "local_only", "users have almost no words in common: a shared model does not help them"
    if asked.trusted.holds:
        return "thumbprint", "users typed enough for their own words and habits to predict what they type next"
    if asked.clustered.holds and not asked.within.holds:
        return (
            "clustered",
            "users form groups, are alike within them and typed too little individually: one shared model per group",
        )
    if asked.own_words.holds:
        return (
            "user_history",
            "users have words of their own, but typed too little for an adapter to tell habit from noise",
        )
    return "global_only", "don't personalize: the differences between users are smaller than the noise in their texts"


def _pull(trusted: float) -> float:
    """Returns λ: with curvature c, a proximal term of λ keeps the share c / (c + λ) of the move, here `trusted`."""
    return min(MOST_PULL, max(LEAST_PULL, PULL * (1 - trusted) / trusted))


def _beside(method: Method, groups: int) -> tuple[Method, ...]:
    every: tuple[Method, ...] = ("global_only", "user_history", "ditto", "thumbprint")
    return tuple(other for other in (*every, *(("clustered",) if groups > 1 else ())) if other != method)
