from itertools import groupby, islice

import pytest

from benchmarks.population import users
from benchmarks.population.users import records


def test_every_user_has_messages_of_words_and_ids_come_in_order():
    texts = {user: [record.text for record in group] for user, group in groupby(records(300, 1), lambda r: r.user_id)}
    assert list(texts) == sorted(texts) == [users.user_id(number) for number in range(300)]
    assert {len(text.split()) for messages in texts.values() for text in messages} == set(range(2, 9))
    assert sum(map(len, texts.values())) / 300 == pytest.approx(users.MEAN_MESSAGES, rel=0.2)


def test_a_larger_population_begins_with_the_users_of_a_smaller_one(monkeypatch):
    monkeypatch.setattr(users, "_USERS_AT_ONCE", 10)
    small = list(records(20, 0))
    assert list(islice(records(40, 0), len(small))) == small
    assert list(records(20, 1)) != small
