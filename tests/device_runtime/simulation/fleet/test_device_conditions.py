import itertools
from datetime import timedelta

import numpy as np
import pytest

from device_runtime.simulation.fleet.device_conditions import (
    Battery,
    DeviceClock,
    SleepSchedule,
    arrival_day,
    draw_battery,
    draw_clock,
    draw_sleep_schedules,
)
from device_runtime.simulation.fleet.plan import FleetPlan, World
from device_runtime.simulation.fleet.typing_calendar import DAY, DAY_0

HOUR = timedelta(hours=1)


def night(day, plugged_in=True):
    """From 23:00 of the day before to 7:00."""
    return SleepSchedule(DAY_0 + day * DAY - HOUR, DAY_0 + day * DAY + 7 * HOUR, plugged_in)


def power(*plugged_in, endurance=30, off_at_night=False, days_off=()):
    nights = [night(day, plugged) for day, plugged in enumerate(plugged_in)]
    return Battery(nights, endurance * HOUR, off_at_night, frozenset(days_off))


def at(day, hour):
    return DAY_0 + day * DAY + hour * HOUR


def test_it_charges_while_its_owner_sleeps():
    phone = power(True, True, True)
    charging = [hour for hour in range(24) if phone.charging(at(0, hour))]
    assert charging == [0, 1, 2, 3, 4, 5, 6, 23]
    assert phone.night(at(0, 12)) is None
    assert phone.night(at(1, 3)) == night(1)


def test_a_battery_that_was_not_charged_runs_down_and_the_charger_brings_it_back():
    phone = power(True, False, True)
    assert not phone.charging(at(1, 3))
    assert not phone.dead(at(1, 12)) and phone.on(at(1, 12))
    assert phone.dead(at(1, 13)) and not phone.on(at(1, 13))  # 30 hours after 7:00 of day 0
    assert not phone.dead(at(1, 23)) and phone.on(at(2, 8))


def test_a_day_off_ends_at_midnight():
    phone = power(True, True, True, days_off={1})
    assert [phone.dead(at(1, hour)) for hour in (-1, 0, 23, 24)] == [False, True, True, False]


def test_switched_off_at_night_it_does_nothing_but_its_owner_may_wake_and_type():
    phone = power(True, True, off_at_night=True)
    assert not phone.on(at(0, 3)) and not phone.dead(at(0, 3))
    assert phone.on(at(0, 12))


@pytest.mark.parametrize("seed", range(5))
def test_drawn_nights_follow_each_other(seed):
    nights = draw_sleep_schedules(60, World(unplugged_nights=0.25), np.random.default_rng(seed))
    assert len(nights) == 61
    assert all(night.begins < night.ends for night in nights)
    assert all(before.ends < after.begins for before, after in itertools.pairwise(nights))
    assert 3 <= sum(not night.plugged_in for night in nights) <= 30


def test_the_first_day_is_never_off():
    drawn = draw_battery([night(0)], 30, World(days_off=1), np.random.default_rng(0))
    assert drawn.days_off == frozenset(range(1, 30))


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
