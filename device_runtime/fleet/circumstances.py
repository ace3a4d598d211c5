"""All that is drawn for one phone before its days begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from device_runtime.fleet.calendar import Typing, typing_of
from device_runtime.fleet.draws import Draw, generator
from device_runtime.fleet.nights import draw_nights
from device_runtime.fleet.phone_clock import PhoneClock, draw_clock
from device_runtime.fleet.plan import FleetPlan
from device_runtime.fleet.power import Power, draw_power
from device_runtime.fleet.rollout import arrival_day
from device_runtime.held_out import SimulatedUser


@dataclass(frozen=True)
class Circumstances:
    """One phone's surroundings.

    Attributes:
        typing: What its owner types, and when.
        power: When it is on, and when it charges.
        clock: What it believes the time to be.
        wifi: Whether its owner's home has an unmetered network.
        new_bundle_day: From which day on it has the second bundle; None = there is one bundle.
    """

    typing: Typing
    power: Power
    clock: PhoneClock
    wifi: bool
    new_bundle_day: int | None

    def unmetered(self, at: datetime) -> bool:
        """Whether it is on an unmetered network: at night, at home."""
        return self.wifi and self.power.night(at) is not None


def draw_circumstances(plan: FleetPlan, phone: int, user: SimulatedUser, bundles: int) -> Circumstances:
    """Draws them from the plan's seed and the phone's number; `bundles`: 1 or 2."""
    night_rng, power_rng = generator(plan.seed, Draw.NIGHTS, phone), generator(plan.seed, Draw.POWER, phone)
    power = draw_power(draw_nights(plan.days, plan.world, night_rng), plan.days, plan.world, power_rng)
    return Circumstances(
        typing_of(user.messages, plan.days, plan.world, generator(plan.seed, Draw.TYPING, phone)),
        power,
        draw_clock(plan.days, plan.world, generator(plan.seed, Draw.CLOCK, phone)),
        bool(power_rng.random() >= plan.world.always_metered),
        arrival_day(plan, generator(plan.seed, Draw.ROLLOUT, phone)) if bundles > 1 else None,
    )
