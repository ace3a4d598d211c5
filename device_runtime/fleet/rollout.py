"""When a phone gets a new bundle: most on the day it comes out, some later."""

from __future__ import annotations

import numpy as np

from device_runtime.fleet.plan import FleetPlan


def arrival_day(plan: FleetPlan, rng: np.random.Generator) -> int:
    """Draws the day from whose beginning on one phone has the second bundle; it may lie after the last."""
    late = rng.random() < plan.world.late_phones
    delay = int(np.ceil(rng.exponential(plan.world.late_days)))
    return plan.release_day + (max(delay, 1) if late else 0)
