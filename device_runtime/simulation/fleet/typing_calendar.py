"""A person's messages on the fleet's calendar: day 0 is the day of their first.

When someone types whose messages bear no times: so many a day, while they are awake.

Which words of a day are tested: a few, drawn, since to test every word of every phone-day would take forever.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from device_runtime.simulation.fleet.plan import World
from device_runtime.simulation.held_out import HeldOutWord, Message, held_out_words

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


DAY_0 = datetime(2024, 1, 1, tzinfo=UTC)
"""The fleet's first midnight. Everybody begins on it, so that a day is also the time since first use."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TypedMessage:
    """A message and when it is really typed, whatever the phone's clock says."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Typing:
    """What one person types, by time. `own_times`: whether the times are theirs; else they are drawn."""

    messages: tuple[TypedMessage, ...]
    own_times: bool

    def on(self, day: int) -> list[TypedMessage]:
        """The messages of one day."""
        first, last = (
            bisect.bisect_left(self.messages, DAY_0 + midnight * DAY, key=lambda message: message.at)
            for midnight in (day, day + 1)
        )
        return list(self.messages[first:last])


def typing_of(messages: Sequence[Message], days: int, world: World, rng: np.random.Generator) -> Typing:
    """Puts a person's messages on the calendar.

    Args:
        messages: In the order they were written. Where each has a time, whole days are taken off it, so that the first
            is on day 0 and the hour of the day stays, as the owner's clock showed it; where any has none, all times
            are drawn.
        days: Later messages are left out.
        world: How much people type whose times are drawn.
        rng: Draws them.
    """
    times = [at.replace(tzinfo=UTC) for at, _ in messages if at is not None]
    if not messages or len(times) < len(messages):
        drawn = typing_times(len(messages), days, world, rng) if messages else []
        return Typing(
            tuple(TypedMessage(DAY_0 + after, text) for after, (_, text) in zip(drawn, messages, strict=False)), False
        )
    first = min(times).replace(hour=0, minute=0, second=0, microsecond=0)
    placed = [TypedMessage(DAY_0 + (at - first), text) for at, (_, text) in zip(times, messages, strict=True)]
    inside = [message for message in placed if message.at < DAY_0 + days * DAY]
    return Typing(tuple(sorted(inside, key=lambda message: message.at)), True)


def draw_words(texts: Sequence[str], number: int, rng: np.random.Generator) -> list[list[HeldOutWord]]:
    """Returns, for each message, its words that are tested, in order.

    Args:
        texts: A day's messages.
        number: Words to test on the day; all, where there are no more. Each word is as likely as any other.
        rng: Draws them; it is not asked where there is nothing to choose.
    """
    words = [list(held_out_words([(None, text)])) for text in texts]
    total = sum(map(len, words))
    chosen = set(rng.choice(total, number, replace=False).tolist()) if total > number else set(range(total))
    numbered = iter(range(total))
    return [[word for word in message if next(numbered) in chosen] for message in words]
