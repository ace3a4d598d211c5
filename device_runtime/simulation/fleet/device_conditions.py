"""The conditions under which one phone is used: typing, battery, clock, network, and the arrival of a new bundle.

All of them are drawn before the phone's first day. Day 0 is the day of the user's first message. If the messages have
no times, the times are drawn.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from device_runtime.simulation.fleet.plan import FleetPlan, RandomStream, World, generator
from device_runtime.simulation.held_out import Message, SimulatedUser

DAY_0 = datetime(2024, 1, 1, tzinfo=UTC)
"""The fleet's first midnight. All phones start on this day, so the number of a day is also the time since first use."""
DAY = timedelta(days=1)

_TYPED_BY_HOUR = np.array([1, 0, 0, 0, 0, 0, 1, 3, 5, 5, 5, 5, 6, 6, 5, 5, 5, 6, 7, 8, 8, 8, 6, 3])
"""How much is typed in each hour of the day. This is an assumption, because the hours of the NUS SMS corpus do not
separate morning from evening: it has a twelve-hour clock, in which 2 p.m. is written as 2:00."""

_BEDTIME, _WAKE_UP = timedelta(hours=-1), timedelta(hours=7)
"""The average owner's night, from midnight."""
_HABIT, _NIGHT = 0.8, 0.5
"""Standard deviations in hours: of an owner's usual night from the average, and of a single night from the usual."""
_ENDURANCE_SPREAD = 0.2
"""Standard deviation of the logarithm of the battery's endurance over phones. An assumption."""
_NO_TIME = timedelta()


@dataclass(frozen=True, slots=True)
class TypedMessage:
    """A message and its true time, which does not depend on the phone's clock."""

    at: datetime
    text: str


@dataclass(frozen=True)
class TypingCalendar:
    """What one user types, in order of time. `own_times`: the messages kept their own times; else times were drawn."""

    messages: tuple[TypedMessage, ...]
    own_times: bool

    def on(self, day: int) -> list[TypedMessage]:
        """Returns the messages of one day."""
        first, last = (
            bisect.bisect_left(self.messages, DAY_0 + midnight * DAY, key=lambda message: message.at)
            for midnight in (day, day + 1)
        )
        return list(self.messages[first:last])


def draw_calendar(messages: Sequence[Message], days: int, world: World, rng: np.random.Generator) -> TypingCalendar:
    """Puts a user's messages on the calendar.

    Args:
        messages: In the order in which they were written. If each has a time, whole days are subtracted so that the
            first message is on day 0. The hour of the day stays as the owner's clock showed it. If any message has no
            time, all times are drawn.
        days: Later messages are left out.
        world: How much users type whose times are drawn.
        rng: Draws the times.
    """
    times = [at.replace(tzinfo=UTC) for at, _ in messages if at is not None]
    if not messages or len(times) < len(messages):
        drawn = draw_typing_times(len(messages), days, world, rng) if messages else []
        typed = (TypedMessage(DAY_0 + after, text) for after, (_, text) in zip(drawn, messages, strict=False))
        return TypingCalendar(tuple(typed), own_times=False)
    first = min(times).replace(hour=0, minute=0, second=0, microsecond=0)
    shifted = [TypedMessage(DAY_0 + (at - first), text) for at, (_, text) in zip(times, messages, strict=True)]
    in_time = [message for message in shifted if message.at < DAY_0 + days * DAY]
    return TypingCalendar(tuple(sorted(in_time, key=lambda message: message.at)), own_times=True)


def draw_typing_times(messages: int, days: int, world: World, rng: np.random.Generator) -> list[timedelta]:
    """Returns the times at which a user's first messages are typed, ascending, from the first midnight on.

    Args:
        messages: The largest number of times. A user can run out of messages before the last day, or have some left.
        days: Nothing is typed after this number of days. The first day has at least one message.
        world: The median and the spread of users' rates.
        rng: Draws the user's rate, the number of messages of each day (Poisson), and the times.
    """
    rate = world.messages_a_day * float(np.exp(world.messages_spread * rng.standard_normal()))
    numbers = rng.poisson(rate, days)
    numbers[0] = max(numbers[0], 1)
    times: list[timedelta] = []
    for day, number in enumerate(numbers):
        hours = rng.choice(24, number, p=_TYPED_BY_HOUR / _TYPED_BY_HOUR.sum())
        seconds = np.sort(3600 * hours + rng.integers(0, 3600, number))
        times += [timedelta(days=day, seconds=int(second)) for second in seconds]
        if len(times) >= messages:
            break
    return times[:messages]


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
