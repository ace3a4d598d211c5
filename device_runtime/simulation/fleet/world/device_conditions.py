"""All that is drawn for one phone before its days begin.

What time a phone believes it is.

When a phone gets a new bundle: most on the day it comes out, some later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from device_runtime.simulation.fleet.world.battery import Battery, draw_battery, draw_sleep_schedules
from device_runtime.simulation.fleet.world.plan import FleetPlan, RandomStream, World, generator
from device_runtime.simulation.fleet.world.typing_calendar import DAY, DAY_0, Typing, typing_of
from device_runtime.simulation.held_out import SimulatedUser

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
