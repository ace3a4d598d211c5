"""Days taken together, since one day of a fleet is noise: the first day, the rest of its week, and on, ever longer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from device_runtime.fleet.report import DayRow

_BEGIN = (0, 1, 7, 14, 28, 56, 112, 224, 448)


@dataclass(frozen=True)
class Span:
    """Some days of a fleet; the recalls are recall_at_3, means over phone-days, None where no word was tested."""

    first: int
    last: int
    phone_days: int
    words: int
    shared: float | None
    personal: float | None
    adaptations: int
    kept: int


def spans(days: Sequence[DayRow]) -> list[Span]:
    """Returns the spans that these days, from day 0 on, fill.

    A last one of less than half its days is joined to the one before, for it would say little; but day 0, on which
    nothing is learnt yet, stands alone.
    """
    whole = itertools.pairwise((*_BEGIN, 2 * _BEGIN[-1]))
    begin = [
        first for first, end in whole if first < len(days) and (first <= 1 or 2 * (len(days) - first) >= end - first)
    ]
    return [span_of(days[first:end]) for first, end in itertools.pairwise([*begin, len(days)])]


def span_of(days: Sequence[DayRow]) -> Span:
    """Takes one or more days together."""
    phone_days = sum(day.phones for day in days)
    shared = sum(day.phones * day.shared.recall_at_3 for day in days if day.shared)
    personal = sum(day.phones * day.personal.recall_at_3 for day in days if day.personal)
    return Span(
        first=days[0].day,
        last=days[-1].day,
        phone_days=phone_days,
        words=sum(day.words for day in days),
        shared=shared / phone_days if phone_days else None,
        personal=personal / phone_days if phone_days else None,
        adaptations=sum(day.adaptations for day in days),
        kept=sum(day.kept for day in days),
    )
