"""What a fleet is asked to live through: how many phones, how long, and in what sort of world.

Chance, told apart by what it decides: to draw more of one thing changes nothing about another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from enum import IntEnum

import numpy as np


class FleetError(ValueError):
    """The fleet cannot be simulated as asked; the message says what to do."""


@dataclass(frozen=True)
class World:
    """How phones are treated. The figures are assumptions but where a source is named; shares are 0..1.

    Attributes:
        messages_a_day: Typed by the median owner whose messages bear no times; the 47 people of the NUS SMS corpus
            whose messages do type 96 in their first 30 days (median).
        messages_spread: Standard deviation of the logarithm of that over owners; 0 = all alike. Of the same people 1.1.
        unplugged_nights: Share of nights on which the owner forgets to charge; 0 = charged every night.
        endurance_hours: That a full battery lasts, the median phone; then the phone is off until it is plugged in.
        always_metered: Share of phones whose owner has no unmetered network; 0 = every home has one.
        switched_off_at_night: Share of phones that are off while their owner sleeps; 0 = none.
        days_off: Share of days that a phone lies switched off; what its owner writes then, no phone sees. 0 = never.
        wrong_clocks: Share of phones whose clock is wrong all the time; 0 = none.
        largest_error_hours: Of a wrong clock, either way.
        jumping_clocks: Share of phones whose clock jumps once, by up to the same; 0 = none.
        late_phones: Share of phones that get a new bundle late; 0 = all at once.
        late_days: How late they get it, on average.
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
        population: Phones.
        days: That each of them lives, from its owner's first message on.
        seed: Of all that is drawn: the same seed, the same fleet.
        words_a_day: Words tested on each phone-day, drawn among those typed on it; fewer where fewer are typed.
        release_day: The day on which a second bundle comes out, where there is one.
        world: How the phones are treated.
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
    """What is drawn. A number once given stays: it is part of what a seed means."""

    OWNERS = 0
    TYPING = 1
    NIGHTS = 2
    POWER = 3
    CLOCK = 4
    ROLLOUT = 5
    WORDS = 6


def generator(seed: int, what: RandomStream, phone: int = 0) -> np.random.Generator:
    """Returns the source of chance of one thing about one phone; whatever else is drawn, it gives the same."""
    return np.random.default_rng([seed, int(what), phone])
