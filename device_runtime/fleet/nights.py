"""A person's nights: when they go to sleep and get up, and whether they plug their phone in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from device_runtime.fleet.calendar import DAY, DAY_0
from device_runtime.fleet.plan import World

_TO_BED, _UP = timedelta(hours=-1), timedelta(hours=7)
"""From midnight, the usual person's; what a person's own habit and each night add to it is `_HABIT` and `_NIGHT`."""
_HABIT, _NIGHT = 0.8, 0.5


@dataclass(frozen=True)
class Night:
    """One night at home, from `begins` to `ends`; `plugged_in`: the phone charges all of it."""

    begins: datetime
    ends: datetime
    plugged_in: bool

    def holds(self, at: datetime) -> bool:
        return self.begins <= at < self.ends


def draw_nights(days: int, world: World, rng: np.random.Generator) -> list[Night]:
    """Returns the night before each day, and the one after the last. `[days + 1]`"""
    habit = _hours(_HABIT, rng)
    return [_night(DAY_0 + day * DAY + habit, world, rng) for day in range(days + 1)]


def _night(midnight: datetime, world: World, rng: np.random.Generator) -> Night:
    begins, ends = midnight + _TO_BED + _hours(_NIGHT, rng), midnight + _UP + _hours(_NIGHT, rng)
    return Night(begins, ends, bool(rng.random() >= world.unplugged_nights))


def _hours(spread: float, rng: np.random.Generator) -> timedelta:
    """Drawn around 0, never more than 3 times the spread, so that nobody gets up before they go to sleep."""
    return timedelta(hours=float(np.clip(rng.normal(0, spread), -3 * spread, 3 * spread)))
