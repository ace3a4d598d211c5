"""The result of a heterogeneity measurement: distributions of its figures over users, and the report that they make up.

docs/heterogeneity.md describes the report's JSON form.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from federated.corpus.stats import PERCENTILES
from federated.heterogeneity.divergence import Divergence, Evidence, Pair
from federated.heterogeneity.user_clusters import Clusters

if TYPE_CHECKING:  # these import TensorFlow, which is needed only with a run
    from federated.heterogeneity.at_shared_model import UserGradient
    from federated.heterogeneity.gradient_dissimilarity import Gradients

FORMAT, FORMAT_VERSION = "thumbprint-heterogeneity", 1


@dataclass(frozen=True)
class UserSummary:
    """Mean and percentiles over users; each user counts once. users: number of users with a value."""

    users: int
    mean: float
    p10: float
    median: float
    p90: float


def summarize_users(values: Iterable[float | None]) -> UserSummary | None:
    """Returns the distribution of a figure over the users who have a value; None if no user has one."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    p10, median, p90 = np.percentile(known, [10, 50, 90])
    return UserSummary(len(known), float(np.mean(known)), float(p10), float(median), float(p90))


@dataclass(frozen=True)
class SizeSkew:
    """Distribution of one size (messages or words) over users.

    Attributes:
        total: Sum over all users.
        percentiles: By the names in `federated.corpus.stats.PERCENTILES` (nearest rank, so each value occurs).
        gini: Gini coefficient: 0 if all users have the same size, close to 1 if one user has everything.
        top_tenth: Share of the total that belongs to the largest tenth of users (rounded up).
    """

    total: int
    percentiles: dict[str, int]
    gini: float
    top_tenth: float


def size_skew(sizes: Sequence[int]) -> SizeSkew:
    """Returns the skew of these sizes, one for each user."""
    return SizeSkew(
        total=sum(sizes),
        percentiles={
            name: int(np.percentile(sizes, q, method="inverted_cdf")) for name, q in PERCENTILES.items() if sizes
        },
        gini=gini(sizes),
        top_tenth=top_share(sizes, 0.1),
    )


def gini(sizes: Sequence[int]) -> float:
    """Returns the Gini coefficient: mean absolute difference of two users over twice the mean (Gini 1912).

    G = 2·Σᵢ i·x₍ᵢ₎ / (n·Σx) − (n + 1)/n with the sizes x in ascending order, i from 1; 0 if all sizes are 0.
    """
    count, total = len(sizes), sum(sizes)
    if not total:
        return 0.0
    ranked = sum(rank * size for rank, size in enumerate(sorted(sizes), 1))
    return 2 * ranked / (count * total) - (count + 1) / count


def top_share(sizes: Sequence[int], share: float) -> float:
    """Returns the share of the total that the largest `share` of users (rounded up) has; 0 if all sizes are 0."""
    largest = sorted(sizes, reverse=True)[: math.ceil(len(sizes) * share)]
    return sum(largest) / sum(sizes) if sum(sizes) else 0.0


@dataclass(frozen=True)
class Comparison:
    """Divergences over users or pairs: observed and floor in bits, and the difference (see `divergence`)."""

    observed: UserSummary
    floor: UserSummary
    difference: UserSummary


def comparison(divergences: Iterable[Divergence]) -> Comparison | None:
    """Returns the distributions of these divergences; None without any."""
    found = list(divergences)
    observed, floor = summarize_users(d.observed for d in found), summarize_users(d.floor for d in found)
    difference = summarize_users(d.difference for d in found)
    return Comparison(observed, floor, difference) if observed and floor and difference else None


@dataclass(frozen=True)
class UserRow:
    """The figures of one user. A figure that needs more text than the user typed is None.

    Attributes:
        plain_to_others: Divergence of all their words from all other users' words, in bits; ignores length.
        to_others, drift: Divergences at equal length, with their floors.
        outside_shared: Share of typed words that fewer than 2 other users typed.
        outside_tokenizer: Share of typed words that are not a single piece of the run's tokenizer.
        cluster: Number of the user's cluster.
        gradient: The user's gradient at the run's shared model.
    """

    user_id: str
    messages: int
    words: int
    plain_to_others: float | None
    to_others: Divergence | None
    drift: Divergence | None
    outside_shared: float | None
    outside_tokenizer: float | None
    cluster: int | None
    gradient: UserGradient | None


@dataclass(frozen=True)
class Heterogeneity:
    """How users differ, measured on the training part of their messages.

    Attributes:
        users_in_corpus: Number of users in the corpus; `users` are those measured.
        run: The folder of the run whose model and tokenizer were used.
        train_share: Share of each user's messages that was read, from the first on.
        length: Words in each half that was compared; None if the users typed too little to compare.
        compared: Number of users with two halves.
        within_clusters: Mean difference of pairs inside a cluster; None if there is only one cluster.
        pairs: Pairs of users drawn at random.
    """

    corpus_id: str
    corpus: str
    synthetic: bool
    users_in_corpus: int
    run: str | None
    train_share: float
    seed: int
    messages: SizeSkew
    words: SizeSkew
    length: int | None
    compared: int
    plain_to_others: UserSummary | None
    to_others: Comparison | None
    between_users: Comparison | None
    drift: Comparison | None
    outside_shared: UserSummary | None
    outside_tokenizer: UserSummary | None
    signal: Evidence | None
    clusters: Clusters
    within_clusters: float | None
    gradients: Gradients | None
    users: tuple[UserRow, ...]
    pairs: tuple[Pair, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns the content of `heterogeneity.json`."""
        return {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}
