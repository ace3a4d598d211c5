"""What time a phone believes it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from device_runtime.fleet.calendar import DAY, DAY_0
from device_runtime.fleet.plan import World

_RIGHT = timedelta()


@dataclass(frozen=True)
class PhoneClock:
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


def draw_clock(days: int, world: World, rng: np.random.Generator) -> PhoneClock:
    """Draws one phone's clock."""
    wrong, jumps = rng.random(2) < (world.wrong_clocks, world.jumping_clocks)
    error, jump = (timedelta(hours=float(h)) for h in world.largest_error_hours * rng.uniform(-1, 1, 2))
    jumps_at = DAY_0 + float(rng.uniform(0, days)) * DAY
    return PhoneClock(error if wrong else _RIGHT, jumps_at if jumps else None, jump if jumps else _RIGHT)
