"""What is drawn for a phone: when its owner types, and its battery, clock and bundle."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.simulation.fleet.device_conditions import (
    DAY,
    DAY_0,
    Battery,
    DeviceClock,
    Night,
    draw_arrival_day,
    draw_battery,
    draw_calendar,
    draw_clock,
    draw_nights,
    draw_typing_times,
)
from device_runtime.simulation.fleet.plan import FleetPlan, World


def calendar(messages, days=10):
    return draw_calendar(messages, days, World(), np.random.default_rng(0))


def test_shifts_by_whole_days_and_keeps_the_hour():
    typing = calendar([(datetime(2015, 3, 7, 22, 15), "hi"), (datetime(2015, 3, 9, 1, 5), "ho")])
    assert typing.own_times
    assert [m.at - DAY_0 for m in typing.messages] == [timedelta(hours=22, minutes=15), timedelta(days=2, minutes=65)]


def test_a_days_messages_are_between_its_midnights():
    times = [datetime(2015, 3, 7, 23, 59, 59), datetime(2015, 3, 8), datetime(2015, 3, 9)]
    typing = calendar([(at, str(i)) for i, at in enumerate(times)])
    assert [[m.text for m in typing.on(day)] for day in range(4)] == [["0"], ["1"], ["2"], []]


def test_keeps_the_hour_of_the_owners_clock():
    singapore = timezone(timedelta(hours=8))
    (message,) = calendar([(datetime(2015, 3, 7, 5, tzinfo=singapore), "morning")]).messages
    assert message.at == DAY_0 + timedelta(hours=5) and message.at.tzinfo is UTC


def test_leaves_out_later_messages_and_orders_by_time():
    times = [datetime(2015, 3, 9), datetime(2015, 3, 7), datetime(2015, 3, 10)]
    typing = calendar([(at, at.isoformat()) for at in times], days=3)
    assert [m.text for m in typing.messages] == ["2015-03-07T00:00:00", "2015-03-09T00:00:00"]


def test_draws_all_times_if_one_message_has_none():
    typing = calendar([(datetime(2015, 3, 7), "a"), (None, "b"), (datetime(2014, 1, 1), "c")], days=400)
    assert not typing.own_times
    assert [m.text for m in typing.messages] == ["a", "b", "c"]
    assert typing.messages[0].at - DAY_0 < timedelta(days=1)


def test_a_user_without_messages_types_nothing():
    assert calendar([]).messages == ()


EQUAL_RATES = World(messages_a_day=8, messages_spread=0)


def test_draws_the_expected_number_of_times_in_order_in_waking_hours():
    times = draw_typing_times(10_000, 100, EQUAL_RATES, np.random.default_rng(0))
    assert abs(len(times) - 800) < 4 * 800**0.5  # Poisson
    assert times == sorted(times)
    assert times[0] < timedelta(days=1) and times[-1] < timedelta(days=100)
    hours = [at.seconds // 3600 for at in times]
    assert not {1, 2, 3, 4, 5} & set(hours)


def test_draws_no_more_times_than_messages():
    assert len(draw_typing_times(5, 100, EQUAL_RATES, np.random.default_rng(0))) == 5


def test_the_first_day_always_has_a_message():
    silent = World(messages_a_day=0)
    (only,) = draw_typing_times(50, 30, silent, np.random.default_rng(0))
    assert only < timedelta(days=1)


HOUR = timedelta(hours=1)


def night(day, plugged_in=True):
    """From 23:00 of the day before to 7:00."""
    return Night(DAY_0 + day * DAY - HOUR, DAY_0 + day * DAY + 7 * HOUR, plugged_in)


def battery(*plugged_in, endurance=30, off_at_night=False, days_off=()):
    nights = [night(day, plugged) for day, plugged in enumerate(plugged_in)]
    return Battery(nights, endurance * HOUR, off_at_night, frozenset(days_off))


def at(day, hour):
    return DAY_0 + day * DAY + hour * HOUR


def test_charges_at_night():
    phone = battery(True, True, True)
    charging = [hour for hour in range(24) if phone.charging(at(0, hour))]
    assert charging == [0, 1, 2, 3, 4, 5, 6, 23]
    assert phone.night(at(0, 12)) is None
    assert phone.night(at(1, 3)) == night(1)


def test_an_uncharged_phone_is_off_until_it_is_charged():
    phone = battery(True, False, True)
    assert not phone.charging(at(1, 3))
    assert phone.usable(at(1, 12)) and phone.on(at(1, 12))
    assert not phone.usable(at(1, 13)) and not phone.on(at(1, 13))  # 30 hours after 7:00 of day 0
    assert phone.usable(at(1, 23)) and phone.on(at(2, 8))


def test_a_day_off_ends_at_midnight():
    phone = battery(True, True, True, days_off={1})
    assert [not phone.usable(at(1, hour)) for hour in (-1, 0, 23, 24)] == [False, True, True, False]


def test_a_phone_switched_off_at_night_is_usable_but_not_on():
    phone = battery(True, True, off_at_night=True)
    assert not phone.on(at(0, 3)) and phone.usable(at(0, 3))
    assert phone.on(at(0, 12))


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_drawn_nights_do_not_overlap(seed):
    nights = draw_nights(60, World(unplugged_nights=0.25), np.random.default_rng(seed))
    assert len(nights) == 61
    assert all(night.begins < night.ends for night in nights)
    assert all(before.ends < after.begins for before, after in itertools.pairwise(nights))


def test_a_share_of_the_nights_is_unplugged():
    nights = draw_nights(60, World(unplugged_nights=0.25), np.random.default_rng(0))
    assert 3 <= sum(not night.plugged_in for night in nights) <= 30


def test_the_first_day_is_never_off():
    drawn = draw_battery([night(0)], 30, World(days_off=1), np.random.default_rng(0))
    assert drawn.days_off == frozenset(range(1, 30))


def test_a_clock_without_error_is_correct():
    assert DeviceClock().correct and DeviceClock().shows(DAY_0) == DAY_0


def test_a_jump_is_added_from_its_time_on():
    clock = DeviceClock(timedelta(hours=1), DAY_0 + DAY, timedelta(hours=-3))
    assert clock.shows(DAY_0) == DAY_0 + timedelta(hours=1)
    assert clock.shows(DAY_0 + DAY) == DAY_0 + DAY - timedelta(hours=2)
    assert not clock.correct


def test_a_share_of_clocks_is_wrong_by_at_most_the_largest_error():
    world = World(wrong_clocks=0.5, jumping_clocks=0, largest_error_hours=10)
    clocks = [draw_clock(9, world, np.random.default_rng(seed)) for seed in range(200)]
    assert 70 < sum(not clock.correct for clock in clocks) < 130
    assert all(abs(clock.error) <= timedelta(hours=10) for clock in clocks)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_without_wrong_clocks_all_are_correct(seed):
    world = World(wrong_clocks=0, jumping_clocks=0)
    assert draw_clock(9, world, np.random.default_rng(seed)).correct


def arrivals(world, count=300):
    plan = FleetPlan(1, 30, release_day=4, world=world)
    return [draw_arrival_day(plan, np.random.default_rng(seed)) for seed in range(count)]


def test_without_late_phones_all_get_the_bundle_on_the_release_day():
    assert set(arrivals(World(late_phones=0))) == {4}


def test_a_share_of_phones_is_late_by_at_least_a_day():
    days = arrivals(World(late_phones=0.2, late_days=10))
    late = [day for day in days if day > 4]
    assert min(days) == 4
    assert 30 < len(late) < 90
    assert 7 < np.mean(late) - 4 < 14
