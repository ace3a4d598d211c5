"""Whether a phone is on, and what its battery holds: full after a night at the charger, then it runs down.

A person's nights: when they go to sleep and get up, and whether they plug their phone in.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from device_runtime.simulation.fleet.world.plan import World
from device_runtime.simulation.fleet.world.typing_calendar import DAY, DAY_0

_TO_BED, _UP = timedelta(hours=-1), timedelta(hours=7)
"""From midnight, the usual person's; what a person's own habit and each night add to it is `_HABIT` and `_NIGHT`."""
_HABIT, _NIGHT = 0.8, 0.5


@dataclass(frozen=True)
class SleepSchedule:
    """One night at home, from `begins` to `ends`; `plugged_in`: the phone charges all of it."""

    begins: datetime
    ends: datetime
    plugged_in: bool

    def holds(self, at: datetime) -> bool:
        return self.begins <= at < self.ends


def draw_sleep_schedules(days: int, world: World, rng: np.random.Generator) -> list[SleepSchedule]:
    """Returns the night before each day, and the one after the last. `[days + 1]`"""
    habit = _hours(_HABIT, rng)
    return [_night(DAY_0 + day * DAY + habit, world, rng) for day in range(days + 1)]


def _night(midnight: datetime, world: World, rng: np.random.Generator) -> SleepSchedule:
    begins, ends = midnight + _TO_BED + _hours(_NIGHT, rng), midnight + _UP + _hours(_NIGHT, rng)
    return SleepSchedule(begins, ends, bool(rng.random() >= world.unplugged_nights))


def _hours(spread: float, rng: np.random.Generator) -> timedelta:
    """Drawn around 0, never more than 3 times the spread, so that a user never gets up before going to sleep."""
    return timedelta(hours=float(np.clip(rng.normal(0, spread), -3 * spread, 3 * spread)))


_SPREAD = 0.2  # of how long batteries last, over phones: an assumption


@dataclass(frozen=True)
class Battery:
    """One phone's power.

    Attributes:
        nights: Its owner's, in order; the first lies before day 0.
        endurance: How long a full battery lasts.
        off_at_night: Whether the owner switches it off while they sleep; who types at night is awake.
        days_off: The days it lies switched off.
    """

    nights: Sequence[SleepSchedule]
    endurance: timedelta
    off_at_night: bool
    days_off: frozenset[int]

    def night(self, at: datetime) -> SleepSchedule | None:
        """The night that `at` is in, if any."""
        nearest = self.nights[max(0, min((at + DAY / 2 - DAY_0) // DAY, len(self.nights) - 1))]
        return nearest if nearest.holds(at) else None

    def charging(self, at: datetime) -> bool:
        night = self.night(at)
        return night is not None and night.plugged_in

    def dead(self, at: datetime) -> bool:
        """Whether nothing can be done with it: it lies switched off, or its battery is empty."""
        return (at - DAY_0) // DAY in self.days_off or self._flat(at)

    def on(self, at: datetime) -> bool:
        """Whether the phone is on though its owner does not use it."""
        return not self.dead(at) and not (self.off_at_night and self.night(at) is not None)

    def _flat(self, at: datetime) -> bool:
        unplugged = bisect.bisect_right(self._unplugged, at)
        full = self._unplugged[unplugged - 1] if unplugged else DAY_0
        return at - full >= self.endurance and not self.charging(at)

    @functools.cached_property
    def _unplugged(self) -> list[datetime]:
        return [night.ends for night in self.nights if night.plugged_in]


def draw_battery(nights: Sequence[SleepSchedule], days: int, world: World, rng: np.random.Generator) -> Battery:
    """Draws how one phone is treated. The first day is never one off: on it the owner begins."""
    hours = world.endurance_hours * float(np.exp(_SPREAD * rng.standard_normal()))
    off = rng.random(days) < world.days_off
    return Battery(
        nights,
        timedelta(hours=hours),
        bool(rng.random() < world.switched_off_at_night),
        frozenset(int(day) for day in np.flatnonzero(off) if day),
    )
