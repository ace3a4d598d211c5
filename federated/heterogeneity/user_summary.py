"""One figure over users.

How unevenly the text is spread over users.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from federated.corpus.stats import PERCENTILES


@dataclass(frozen=True)
class UserSummary:
    """Each user counts once. users: how many the figure is of."""

    users: int
    mean: float
    p10: float
    median: float
    p90: float


def summarize_users(values: Iterable[float | None]) -> UserSummary | None:
    """Returns how a figure spreads over those users who have it; None where nobody does."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    p10, median, p90 = np.percentile(known, [10, 50, 90])
    return UserSummary(len(known), float(np.mean(known)), float(p10), float(median), float(p90))


@dataclass(frozen=True)
class SizeSkew:
    """One size (messages, or words) over users.

    Attributes:
        total: Of all users.
        percentiles: By the names in `federated.corpus.stats.PERCENTILES` (nearest rank: values that occur).
        gini: 0 when all have the same, towards 1 when one has everything.
        top_tenth: Share of the total that the tenth of users (rounded up) with the most has.
    """

    total: int
    percentiles: dict[str, int]
    gini: float
    top_tenth: float


def size_skew(sizes: Sequence[int]) -> SizeSkew:
    """Returns the skew of these sizes, one a user."""
    return SizeSkew(
        total=sum(sizes),
        percentiles={
            name: int(np.percentile(sizes, q, method="inverted_cdf")) for name, q in PERCENTILES.items() if sizes
        },
        gini=gini(sizes),
        top_tenth=top_share(sizes, 0.1),
    )


def gini(sizes: Sequence[int]) -> float:
    """Mean absolute difference of two users over twice the mean (Gini 1912).

    G = 2·Σᵢ i·x₍ᵢ₎ / (n·Σx) − (n + 1)/n with the sizes x in rising order, i from 1; 0 where nobody has anything.
    """
    count, total = len(sizes), sum(sizes)
    if not total:
        return 0.0
    ranked = sum(rank * size for rank, size in enumerate(sorted(sizes), 1))
    return 2 * ranked / (count * total) - (count + 1) / count


def top_share(sizes: Sequence[int], tenth: float) -> float:
    """Share of the total that the largest `tenth` of users (rounded up) has; 0 where nobody has anything."""
    largest = sorted(sizes, reverse=True)[: math.ceil(len(sizes) * tenth)]
    return sum(largest) / sum(sizes) if sum(sizes) else 0.0
