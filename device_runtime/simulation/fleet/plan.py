"""The plan of a fleet simulation: how many phones, how many days, in what world, and the random streams of a seed.

Each kind of random draw has its own stream. Drawing more from one stream does not change the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from enum import IntEnum

import numpy as np


class FleetError(ValueError):
    """The fleet cannot be simulated with these arguments. The message says what to do."""


@dataclass(frozen=True)
class World:
    """How owners treat their phones. The values are assumptions unless a source is named. Shares are 0..1.

    Attributes:
        messages_a_day: Messages that the median owner types in a day, if the messages have no times. The 47 people of
            the NUS SMS corpus with times typed 96 in their first 30 days (median).
        messages_spread: Standard deviation of the logarithm of that rate over owners. 0: all owners have the same rate.
            It is 1.1 for the same 47 people.
        unplugged_nights: Share of nights on which the owner forgets to charge the phone.
        endurance_hours: How long a full battery of the median phone lasts. An empty phone is off until it is charged.
        always_metered: Share of phones whose owner has no unmetered network at home.
        switched_off_at_night: Share of phones that are off while their owner sleeps.
        days_off: Share of days on which a phone is off completely. No phone sees what its owner writes then.
        wrong_clocks: Share of phones whose clock is always wrong.
        largest_error_hours: The largest error of a wrong clock, in both directions.
        jumping_clocks: Share of phones whose clock jumps once, by at most `largest_error_hours`.
        late_phones: Share of phones that get a new bundle late.
        late_days: Mean delay of these phones.
    """

    messages_a_day: float = 3.2
    messages_spread: float = 1.1
    unplugged_nights: float = 0.1
    endurance_hours: float = 30.0
    always_metered: float = 0.1
    switched_off_at_night: float = 0.15
    days_off: float = 0.02
    wrong_clocks: float = 0.1
    largest_error_hours: float = 36.0
    jumping_clocks: float = 0.02
    late_phones: float = 0.2
    late_days: float = 10.0

    def __post_init__(self) -> None:
        amounts = {"messages_a_day", "messages_spread", "endurance_hours", "largest_error_hours", "late_days"}
        for each in fields(self):
            value, most = getattr(self, each.name), math.inf if each.name in amounts else 1
            if not (0 <= value <= most and math.isfinite(value)):
                raise FleetError(f"{each.name} is {value}: it must be at least 0{'' if most > 1 else ' and at most 1'}")


@dataclass(frozen=True)
class FleetPlan:
    """What to simulate.

    Attributes:
        population: Number of phones.
        days: Number of days that each phone is simulated, from its owner's first message on.
        seed: Seed of all random draws. The same seed gives the same fleet.
        words_a_day: Words tested on each day of a phone, drawn from the words typed on that day. Fewer if fewer are
            typed.
        release_day: The day on which a second bundle is released, if there is one.
        world: How owners treat their phones.
    """

    population: int
    days: int
    seed: int = 0
    words_a_day: int = 5
    release_day: int = 0
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        for name, least in (("population", 1), ("days", 1), ("seed", 0), ("words_a_day", 1), ("release_day", 0)):
            if getattr(self, name) < least:
                raise FleetError(f"{name} is {getattr(self, name)}: it must be at least {least}")


class RandomStream(IntEnum):
    """What is drawn. The numbers must not change, because the draws of a seed depend on them."""

    OWNERS = 0
    TYPING = 1
    NIGHTS = 2
    POWER = 3
    CLOCK = 4
    ROLLOUT = 5
    WORDS = 6


def generator(seed: int, stream: RandomStream, phone: int = 0) -> np.random.Generator:
    """Returns the random generator of one stream of one phone. It does not depend on draws from other generators."""
    return np.random.default_rng([seed, int(stream), phone])
