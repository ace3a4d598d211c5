"""What a user types on each simulated day, and which of the words are tested.

Day 0 is the day of the user's first message. If the messages have no times, the times are drawn.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from device_runtime.simulation.fleet.plan import World
from device_runtime.simulation.held_out import HeldOutWord, Message, held_out_words

DAY_0 = datetime(2024, 1, 1, tzinfo=UTC)
"""The fleet's first midnight. All phones start on this day, so the number of a day is also the time since first use."""
DAY = timedelta(days=1)

_TYPED_BY_HOUR = np.array([1, 0, 0, 0, 0, 0, 1, 3, 5, 5, 5, 5, 6, 6, 5, 5, 5, 6, 7, 8, 8, 8, 6, 3])
"""How much is typed in each hour of the day. This is an assumption, because the hours of the NUS SMS corpus do not
separate morning from evening: it has a twelve-hour clock, in which 2 p.m. is written as 2:00."""


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


def draw_test_words(texts: Sequence[str], number: int, rng: np.random.Generator) -> list[list[HeldOutWord]]:
    """Draws the words of a day that are tested. Testing every word of a fleet would take too long.

    Args:
        texts: The day's messages.
        number: How many words to draw, each with the same probability. If there are no more words, all are returned.
        rng: Draws the words. It is unused if all words are returned.

    Returns:
        For each message, its words that are tested, in order.
    """
    words = [list(held_out_words([(None, text)])) for text in texts]
    total = sum(map(len, words))
    chosen = set(rng.choice(total, number, replace=False).tolist()) if total > number else set(range(total))
    numbered = iter(range(total))
    return [[word for word in message if next(numbered) in chosen] for message in words]
