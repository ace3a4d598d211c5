"""A phone's own system: every hour it asks whether the phone may adapt, as Android's JobScheduler would."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from device_runtime.fleet.calendar import DAY, DAY_0
from device_runtime.fleet.circumstances import Circumstances
from device_runtime.fleet.reasons import kind_of
from device_runtime.phone import Phone
from device_runtime.policy import Policy

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

    def __init__(self, around: Circumstances, policy: Policy) -> None:
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
