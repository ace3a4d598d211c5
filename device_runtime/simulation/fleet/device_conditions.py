"""The conditions under which one phone is used: typing, battery, clock, network, and the arrival of a new bundle.

All of them are drawn before the phone's first day.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from device_runtime.simulation.fleet.plan import FleetPlan, RandomStream, World, generator
from device_runtime.simulation.fleet.typing_calendar import DAY, DAY_0, TypingCalendar, draw_calendar
from device_runtime.simulation.held_out import SimulatedUser

_BEDTIME, _WAKE_UP = timedelta(hours=-1), timedelta(hours=7)
"""The average owner's night, from midnight."""
_HABIT, _NIGHT = 0.8, 0.5
"""Standard deviations in hours: of an owner's usual night from the average, and of a single night from the usual."""
_ENDURANCE_SPREAD = 0.2
"""Standard deviation of the logarithm of the battery's endurance over phones. An assumption."""
_NO_TIME = timedelta()


@dataclass(frozen=True)
class Night:
    """One night at home, from `begins` to `ends`. `plugged_in`: the phone is charged all night."""

    begins: datetime
    ends: datetime
    plugged_in: bool

    def contains(self, at: datetime) -> bool:
        return self.begins <= at < self.ends


def draw_nights(days: int, world: World, rng: np.random.Generator) -> list[Night]:
    """Draws the night before each day and the night after the last day, `[days + 1]`."""
    habit = _draw_hours(_HABIT, rng)
    return [_draw_night(DAY_0 + day * DAY + habit, world, rng) for day in range(days + 1)]


def _draw_night(midnight: datetime, world: World, rng: np.random.Generator) -> Night:
    begins, ends = midnight + _BEDTIME + _draw_hours(_NIGHT, rng), midnight + _WAKE_UP + _draw_hours(_NIGHT, rng)
    return Night(begins, ends, bool(rng.random() >= world.unplugged_nights))


def _draw_hours(spread: float, rng: np.random.Generator) -> timedelta:
    """Draws hours around 0, at most 3 times the spread, so that no owner gets up before going to bed."""
    return timedelta(hours=float(np.clip(rng.normal(0, spread), -3 * spread, 3 * spread)))


@dataclass(frozen=True)
class Battery:
    """When one phone is on, and when it charges.

    Attributes:
        nights: The owner's nights in order. The first begins before day 0.
        endurance: How long a full battery lasts.
        off_at_night: Whether the owner switches the phone off to sleep. An owner who types at night is awake.
        days_off: The days on which the phone is switched off completely.
    """

    nights: Sequence[Night]
    endurance: timedelta
    off_at_night: bool
    days_off: frozenset[int]

    def night(self, at: datetime) -> Night | None:
        """Returns the night at this time, or None during the day."""
        nearest = self.nights[max(0, min((at + DAY / 2 - DAY_0) // DAY, len(self.nights) - 1))]
        return nearest if nearest.contains(at) else None

    def charging(self, at: datetime) -> bool:
        night = self.night(at)
        return night is not None and night.plugged_in

    def usable(self, at: datetime) -> bool:
        """Whether the owner can use the phone: it is not a day off, and the battery is not empty."""
        return (at - DAY_0) // DAY not in self.days_off and not self._empty(at)

    def on(self, at: datetime) -> bool:
        """Whether the phone is on while its owner does not use it."""
        return self.usable(at) and not (self.off_at_night and self.night(at) is not None)

    def _empty(self, at: datetime) -> bool:
        unplugged = bisect.bisect_right(self._unplugged, at)
        full = self._unplugged[unplugged - 1] if unplugged else DAY_0
        return at - full >= self.endurance and not self.charging(at)

    @functools.cached_property
    def _unplugged(self) -> list[datetime]:
        return [night.ends for night in self.nights if night.plugged_in]


def draw_battery(nights: Sequence[Night], days: int, world: World, rng: np.random.Generator) -> Battery:
    """Draws how one phone is charged. Day 0 is never a day off, because the owner starts on it."""
    hours = world.endurance_hours * float(np.exp(_ENDURANCE_SPREAD * rng.standard_normal()))
    off = rng.random(days) < world.days_off
    return Battery(
        nights,
        timedelta(hours=hours),
        bool(rng.random() < world.switched_off_at_night),
        frozenset(int(day) for day in np.flatnonzero(off) if day),
    )


@dataclass(frozen=True)
class DeviceClock:
    """A clock that is `error` ahead, and from `jumps_at` on another `jump`. Both can be negative."""

    error: timedelta = _NO_TIME
    jumps_at: datetime | None = None
    jump: timedelta = _NO_TIME

    @property
    def correct(self) -> bool:
        """Whether the clock always shows the true time."""
        return not self.error and not self.jump

    def shows(self, at: datetime) -> datetime:
        """Returns what the clock shows at a true time. A jump can repeat some hours or leave them out."""
        jumped = self.jumps_at is not None and at >= self.jumps_at
        return at + self.error + (self.jump if jumped else _NO_TIME)


def draw_clock(days: int, world: World, rng: np.random.Generator) -> DeviceClock:
    """Draws one phone's clock."""
    wrong, jumps = rng.random(2) < (world.wrong_clocks, world.jumping_clocks)
    error, jump = (timedelta(hours=float(h)) for h in world.largest_error_hours * rng.uniform(-1, 1, 2))
    jumps_at = DAY_0 + float(rng.uniform(0, days)) * DAY
    return DeviceClock(error if wrong else _NO_TIME, jumps_at if jumps else None, jump if jumps else _NO_TIME)


def draw_arrival_day(plan: FleetPlan, rng: np.random.Generator) -> int:
    """Draws the first day on which a phone has the second bundle: for most phones the release day, for some later.

    The day can be after the last simulated day.
    """
    late = rng.random() < plan.world.late_phones
    delay = int(np.ceil(rng.exponential(plan.world.late_days)))
    return plan.release_day + (max(delay, 1) if late else 0)


@dataclass(frozen=True)
class DeviceConditions:
    """The conditions of one phone.

    Attributes:
        typing: What the owner types, and when.
        battery: When the phone is on, and when it charges.
        clock: What time the phone shows.
        wifi: Whether the owner's home has an unmetered network.
        new_bundle_day: The first day with the second bundle. None: there is one bundle.
    """

    typing: TypingCalendar
    battery: Battery
    clock: DeviceClock
    wifi: bool
    new_bundle_day: int | None

    def unmetered(self, at: datetime) -> bool:
        """Whether the phone is on an unmetered network: at night, at home."""
        return self.wifi and self.battery.night(at) is not None


def draw_conditions(plan: FleetPlan, phone: int, user: SimulatedUser, bundles: int) -> DeviceConditions:
    """Draws the conditions from the plan's seed and the phone's number. `bundles` is 1 or 2."""
    nights = draw_nights(plan.days, plan.world, generator(plan.seed, RandomStream.NIGHTS, phone))
    power_rng = generator(plan.seed, RandomStream.POWER, phone)
    battery = draw_battery(nights, plan.days, plan.world, power_rng)
    typing_rng = generator(plan.seed, RandomStream.TYPING, phone)
    return DeviceConditions(
        draw_calendar(user.messages, plan.days, plan.world, typing_rng),
        battery,
        draw_clock(plan.days, plan.world, generator(plan.seed, RandomStream.CLOCK, phone)),
        bool(power_rng.random() >= plan.world.always_metered),
        draw_arrival_day(plan, generator(plan.seed, RandomStream.ROLLOUT, phone)) if bundles > 1 else None,
    )
