"""All that is drawn for one phone before its days begin.

What time a phone believes it is.

When a phone gets a new bundle: most on the day it comes out, some later.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from device_runtime.simulation.fleet.plan import FleetPlan, RandomStream, World, generator
from device_runtime.simulation.fleet.typing_calendar import DAY, DAY_0, Typing, typing_of
from device_runtime.simulation.held_out import SimulatedUser

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


_RIGHT = timedelta()


@dataclass(frozen=True)
class DeviceClock:
    """A clock that is `error` ahead, and from `jumps_at` on `jump` more; both may be negative."""

    error: timedelta = _RIGHT
    jumps_at: datetime | None = None
    jump: timedelta = _RIGHT

    @property
    def right(self) -> bool:
        """Whether it shows the true time, always."""
        return not self.error and not self.jump

    def reads(self, at: datetime) -> datetime:
        """What it shows at a true time; a jump may make it show one hour twice, or never."""
        jumped = self.jumps_at is not None and at >= self.jumps_at
        return at + self.error + (self.jump if jumped else _RIGHT)


def draw_clock(days: int, world: World, rng: np.random.Generator) -> DeviceClock:
    """Draws one phone's clock."""
    wrong, jumps = rng.random(2) < (world.wrong_clocks, world.jumping_clocks)
    error, jump = (timedelta(hours=float(h)) for h in world.largest_error_hours * rng.uniform(-1, 1, 2))
    jumps_at = DAY_0 + float(rng.uniform(0, days)) * DAY
    return DeviceClock(error if wrong else _RIGHT, jumps_at if jumps else None, jump if jumps else _RIGHT)


def arrival_day(plan: FleetPlan, rng: np.random.Generator) -> int:
    """Draws the day from whose beginning on one phone has the second bundle; it may lie after the last."""
    late = rng.random() < plan.world.late_phones
    delay = int(np.ceil(rng.exponential(plan.world.late_days)))
    return plan.release_day + (max(delay, 1) if late else 0)


@dataclass(frozen=True)
class DeviceConditions:
    """One phone's surroundings.

    Attributes:
        typing: What its owner types, and when.
        power: When it is on, and when it charges.
        clock: What it believes the time to be.
        wifi: Whether its owner's home has an unmetered network.
        new_bundle_day: From which day on it has the second bundle; None = there is one bundle.
    """

    typing: Typing
    power: Battery
    clock: DeviceClock
    wifi: bool
    new_bundle_day: int | None

    def unmetered(self, at: datetime) -> bool:
        """Whether it is on an unmetered network: at night, at home."""
        return self.wifi and self.power.night(at) is not None


def draw_conditions(plan: FleetPlan, phone: int, user: SimulatedUser, bundles: int) -> DeviceConditions:
    """Draws them from the plan's seed and the phone's number; `bundles`: 1 or 2."""
    night_rng, power_rng = (
        generator(plan.seed, RandomStream.NIGHTS, phone),
        generator(plan.seed, RandomStream.POWER, phone),
    )
    power = draw_battery(draw_sleep_schedules(plan.days, plan.world, night_rng), plan.days, plan.world, power_rng)
    return DeviceConditions(
        typing_of(user.messages, plan.days, plan.world, generator(plan.seed, RandomStream.TYPING, phone)),
        power,
        draw_clock(plan.days, plan.world, generator(plan.seed, RandomStream.CLOCK, phone)),
        bool(power_rng.random() >= plan.world.always_metered),
        arrival_day(plan, generator(plan.seed, RandomStream.ROLLOUT, phone)) if bundles > 1 else None,
    )
