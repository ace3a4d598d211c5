import numpy as np

from device_runtime.simulation.fleet.world.device_conditions import arrival_day
from device_runtime.simulation.fleet.world.plan import FleetPlan, World


def arrivals(world, count=300):
    plan = FleetPlan(1, 30, release_day=4, world=world)
    return [arrival_day(plan, np.random.default_rng(seed)) for seed in range(count)]


def test_all_at_once_where_no_phone_is_late():
    assert set(arrivals(World(late_phones=0))) == {4}


def test_a_share_is_late_by_a_day_at_least():
    days = arrivals(World(late_phones=0.2, late_days=10))
    late = [day for day in days if day > 4]
    assert min(days) == 4
    assert 30 < len(late) < 90
    assert 7 < np.mean(late) - 4 < 14
