"""Distribution of a figure over users, and how unevenly messages and words are spread over them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from federated.corpus.stats import PERCENTILES


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
