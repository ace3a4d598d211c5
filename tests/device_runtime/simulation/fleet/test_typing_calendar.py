from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from device_runtime.simulation.fleet.plan import World
from device_runtime.simulation.fleet.typing_calendar import DAY_0, draw_calendar, draw_test_words, draw_typing_times


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


def test_tests_all_words_of_a_short_day_each_with_its_context():
    first, second = draw_test_words(["see you", "ok, bye"], 5, np.random.default_rng(0))
    assert [(word.context, word.word) for word in first] == [("", "see"), ("see ", "you")]
    assert [(word.context, word.word) for word in second] == [("", "ok"), ("ok, ", "bye")]


def test_draws_each_word_with_the_same_probability():
    texts = ["a b c d", "e", "f g h i j"]
    drawn = Counter(
        word.word
        for seed in range(2000)
        for message in draw_test_words(texts, 3, np.random.default_rng(seed))
        for word in message
    )
    assert drawn.total() == 3 * 2000
    assert set(drawn) == set("abcdefghij")
    assert max(drawn.values()) - min(drawn.values()) < 160  # 600 each, standard deviation 20


def test_a_day_without_words_has_no_test_words():
    assert draw_test_words([], 5, np.random.default_rng(0)) == []
    assert draw_test_words(["?!"], 5, np.random.default_rng(0)) == [[]]
