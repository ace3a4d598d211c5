from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from device_runtime.simulation.fleet.world.plan import World
from device_runtime.simulation.fleet.world.typing_calendar import DAY_0, typing_of


def placed(messages, days=10):
    return typing_of(messages, days, World(), np.random.default_rng(0))


def test_whole_days_are_taken_off_so_that_the_hour_stays():
    typing = placed([(datetime(2015, 3, 7, 22, 15), "hi"), (datetime(2015, 3, 9, 1, 5), "ho")])
    assert typing.own_times
    assert [m.at - DAY_0 for m in typing.messages] == [timedelta(hours=22, minutes=15), timedelta(days=2, minutes=65)]


def test_a_days_messages_are_those_between_its_midnights():
    times = [datetime(2015, 3, 7, 23, 59, 59), datetime(2015, 3, 8), datetime(2015, 3, 9)]
    typing = placed([(at, str(i)) for i, at in enumerate(times)])
    assert [[m.text for m in typing.on(day)] for day in range(4)] == [["0"], ["1"], ["2"], []]


def test_the_hour_is_that_of_the_owners_clock():
    singapore = timezone(timedelta(hours=8))
    (message,) = placed([(datetime(2015, 3, 7, 5, tzinfo=singapore), "morning")]).messages
    assert message.at == DAY_0 + timedelta(hours=5) and message.at.tzinfo is UTC


def test_later_messages_are_left_out_and_the_order_is_that_of_time():
    times = [datetime(2015, 3, 9), datetime(2015, 3, 7), datetime(2015, 3, 10)]
    typing = placed([(at, at.isoformat()) for at in times], days=3)
    assert [m.text for m in typing.messages] == ["2015-03-07T00:00:00", "2015-03-09T00:00:00"]


def test_where_one_message_has_no_time_all_times_are_drawn():
    typing = placed([(datetime(2015, 3, 7), "a"), (None, "b"), (datetime(2014, 1, 1), "c")], days=400)
    assert not typing.own_times
    assert [m.text for m in typing.messages] == ["a", "b", "c"]
    assert typing.messages[0].at - DAY_0 < timedelta(days=1)


def test_nobody_without_messages():
    assert placed([]).messages == ()
