"""A cohort is a function of (seed, round) alone."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from federated.data.federated_data import sample_cohort

CLIENTS = [f"client{i}" for i in range(20)]


@given(st.integers(1, 40), st.integers(0, 2**31 - 1), st.integers(1, 10**6))
def test_distinct_clients_as_many_as_there_are(size, seed, number):
    cohort = sample_cohort(CLIENTS, size, seed=seed, round_number=number)
    assert len(cohort) == len(set(cohort)) == min(size, len(CLIENTS))
    assert set(cohort) <= set(CLIENTS)
    assert cohort == sample_cohort(CLIENTS, size, seed=seed, round_number=number)


def test_rounds_and_seeds_differ():
    drawn = [sample_cohort(CLIENTS, 5, seed=seed, round_number=number) for seed in range(3) for number in range(1, 6)]
    assert len({tuple(cohort) for cohort in drawn}) == len(drawn)


def test_everybody_s_turn_comes_alike():
    turns = Counter(c for number in range(2000) for c in sample_cohort(CLIENTS, 5, seed=0, round_number=number))
    assert set(turns) == set(CLIENTS)
    assert all(abs(count - 500) < 100 for count in turns.values())  # 5 standard deviations


def test_of_nobody_nobody():
    assert sample_cohort([], 5, seed=0, round_number=1) == []


def test_a_million_clients_are_not_read():
    class Many(Sequence):
        read = 0

        def __len__(self) -> int:
            return 1_000_000

        def __getitem__(self, index):
            Many.read += 1
            return f"client{index}"

    assert len(sample_cohort(Many(), 20, seed=0, round_number=1)) == 20
    assert Many.read == 20


def test_by_size_draws_the_large_more_often_and_nobody_twice():
    clients, weights = ["large", "small", "other"], np.array([98.0, 1.0, 1.0])
    drawn = [sample_cohort(clients, 1, seed=0, round_number=n, weights=weights)[0] for n in range(1, 201)]
    assert drawn.count("large") > 180
    whole = sample_cohort(clients, 3, seed=0, round_number=1, weights=weights)
    assert sorted(whole) == sorted(clients)
