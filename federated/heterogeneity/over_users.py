"""One figure over users."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class OverUsers:
    """Each user counts once. users: how many the figure is of."""

    users: int
    mean: float
    p10: float
    median: float
    p90: float


def over_users(values: Iterable[float | None]) -> OverUsers | None:
    """Returns how a figure spreads over those users who have it; None where nobody does."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    p10, median, p90 = np.percentile(known, [10, 50, 90])
    return OverUsers(len(known), float(np.mean(known)), float(p10), float(median), float(p90))
