from datetime import timedelta

import numpy as np

from device_runtime.simulation.fleet.world.device_conditions import DeviceClock, draw_clock
from device_runtime.simulation.fleet.world.plan import World
from device_runtime.simulation.fleet.world.typing_calendar import DAY, DAY_0


def test_a_right_clock():
    assert DeviceClock().right and DeviceClock().reads(DAY_0) == DAY_0


def test_a_jump_is_added_from_its_moment_on():
    clock = DeviceClock(timedelta(hours=1), DAY_0 + DAY, timedelta(hours=-3))
    assert clock.reads(DAY_0) == DAY_0 + timedelta(hours=1)
    assert clock.reads(DAY_0 + DAY) == DAY_0 + DAY - timedelta(hours=2)
    assert not clock.right


def test_a_share_of_clocks_is_wrong_and_none_by_more_than_the_most():
    world = World(wrong_clocks=0.5, jumping_clocks=0, largest_error_hours=10)
    clocks = [draw_clock(9, world, np.random.default_rng(seed)) for seed in range(200)]
    assert 70 < sum(not clock.right for clock in clocks) < 130
    assert all(abs(clock.error) <= timedelta(hours=10) for clock in clocks)


def test_in_a_world_of_right_clocks_all_are():
    world = World(wrong_clocks=0, jumping_clocks=0)
    assert all(draw_clock(9, world, np.random.default_rng(seed)).right for seed in range(50))
