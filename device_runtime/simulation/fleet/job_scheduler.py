"""A phone's own system: every hour it asks whether the phone may adapt, as Android's JobScheduler would.

Days taken together, since one day of a fleet is noise: the first day, the rest of its week, and on, ever longer.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from device_runtime.phone.adaptation_policy import Policy
from device_runtime.phone.phone import Phone
from device_runtime.simulation.fleet.daily_counts import kind_of
from device_runtime.simulation.fleet.report import DayRow
from device_runtime.simulation.fleet.world.device_conditions import DeviceConditions
from device_runtime.simulation.fleet.world.typing_calendar import DAY, DAY_0

IN_USE = timedelta(minutes=30)
"""A phone is idle when nothing was typed on it for so long."""


def looks(day: int, phone: int) -> list[datetime]:
    """When it asks on one day: hourly, each phone at a minute of its own."""
    return [DAY_0 + day * DAY + timedelta(hours=hour, minutes=phone * 7 % 60) for hour in range(24)]


class Scheduler:
    """Asks for one phone.

    Attributes:
        refused: How often the policy let no adaptation begin, by reason.
    """

    def __init__(self, around: DeviceConditions, policy: Policy) -> None:
        self._around, self._policy = around, policy
        self._now, self._typed_at = DAY_0, DAY_0 - IN_USE
        self.refused: Counter[str] = Counter()

    def clock(self) -> datetime:
        """What the phone's clock shows now."""
        return self._around.clock.reads(self._now)

    def typed(self, at: datetime) -> None:
        """Notes that the phone was in use."""
        self._now = self._typed_at = at

    def allows(self, phone: Phone, at: datetime) -> bool:
        """Whether the policy lets an adaptation begin at this true time, on a phone that is on."""
        self._now = at
        power = self._around.power
        conditions = phone.conditions(
            idle=at - self._typed_at >= IN_USE, charging=power.charging(at), unmetered=self._around.unmetered(at)
        )
        decision = self._policy.decide(conditions)
        if not decision.allowed:
            self.refused[kind_of(decision.reason)] += 1
        return decision.allowed


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
