"""A person's messages on the fleet's calendar: day 0 is the day of their first."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from device_runtime.fleet.plan import World
from device_runtime.fleet.typing_rhythm import typing_times
from device_runtime.held_out import Message

DAY_0 = datetime(2024, 1, 1, tzinfo=UTC)
"""The fleet's first midnight. Everybody begins on it, so that a day is also the time since first use."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Typed:
    """A message and when it is really typed, whatever the phone's clock says."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Typing:
    """What one person types, by time. `own_times`: whether the times are theirs; else they are drawn."""

    messages: tuple[Typed, ...]
    own_times: bool

    def on(self, day: int) -> list[Typed]:
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
            tuple(Typed(DAY_0 + after, text) for after, (_, text) in zip(drawn, messages, strict=False)), False
        )
    first = min(times).replace(hour=0, minute=0, second=0, microsecond=0)
    placed = [Typed(DAY_0 + (at - first), text) for at, (_, text) in zip(times, messages, strict=True)]
    inside = [message for message in placed if message.at < DAY_0 + days * DAY]
    return Typing(tuple(sorted(inside, key=lambda message: message.at)), True)
