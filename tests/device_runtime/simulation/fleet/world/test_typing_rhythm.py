from datetime import timedelta

import numpy as np

from device_runtime.simulation.fleet.world.plan import World
from device_runtime.simulation.fleet.world.typing_calendar import typing_times

ALIKE = World(messages_a_day=8, messages_spread=0)


def test_so_many_a_day_in_order_and_awake():
    times = typing_times(10_000, 100, ALIKE, np.random.default_rng(0))
    assert abs(len(times) - 800) < 4 * 800**0.5  # Poisson
    assert times == sorted(times)
    assert times[0] < timedelta(days=1) and times[-1] < timedelta(days=100)
    hours = [at.seconds // 3600 for at in times]
    assert not {1, 2, 3, 4, 5} & set(hours)


def test_no_more_times_than_messages():
    assert len(typing_times(5, 100, ALIKE, np.random.default_rng(0))) == 5


def test_the_first_day_has_a_message_however_little_is_typed():
    silent = World(messages_a_day=0)
    (only,) = typing_times(50, 30, silent, np.random.default_rng(0))
    assert only < timedelta(days=1)
