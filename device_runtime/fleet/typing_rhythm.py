"""When someone types whose messages bear no times: so many a day, while they are awake."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from device_runtime.fleet.plan import World

_BY_HOUR = np.array([1, 0, 0, 0, 0, 0, 1, 3, 5, 5, 5, 5, 6, 6, 5, 5, 5, 6, 7, 8, 8, 8, 6, 3])
"""How much is typed in each hour of the day, an assumption: the NUS SMS corpus's hours tell no morning from evening
(of a twelve-hour clock, 2 p.m. stands there as 2:00)."""


def typing_times(messages: int, days: int, world: World, rng: np.random.Generator) -> list[timedelta]:
    """Returns when each of someone's first messages is typed, from the midnight before the first, ascending.

    Args:
        messages: How many there are at most; a person's last may come before the last day, or never.
        days: Nothing is typed after as many; the first has a message.
        world: Gives the rate's median and spread.
        rng: Draws the person's rate, each day's number (Poisson) and the times.
    """
    rate = world.messages_a_day * float(np.exp(world.messages_spread * rng.standard_normal()))
    numbers = rng.poisson(rate, days)
    numbers[0] = max(numbers[0], 1)
    times: list[timedelta] = []
    for day, number in enumerate(numbers):
        hours = rng.choice(24, number, p=_BY_HOUR / _BY_HOUR.sum())
        seconds = np.sort(3600 * hours + rng.integers(0, 3600, number))
        times += [timedelta(days=day, seconds=int(second)) for second in seconds]
        if len(times) >= messages:
            break
    return times[:messages]
