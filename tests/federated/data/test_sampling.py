from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.data.sampling import BySize, UniformTurns, cohort_sampler
from federated.job import DataConfig, JobError, RoundsConfig, TrainingConfig


def cohorts(sampler, rounds):
    return [sampler.cohort(number).tolist() for number in range(1, rounds + 1)]


@st.composite
def populations(draw):
    """Returns (clients, cohort size, separation that these allow, seed)."""
    clients, size = draw(st.integers(1, 60)), draw(st.integers(1, 12))
    most = clients // min(size, clients)
    return clients, size, draw(st.one_of(st.none(), st.integers(1, most))), draw(st.integers(0, 2**31 - 1))


@given(populations())
def test_turns_are_equally_many_and_separated(population):
    clients, size, separation, seed = population
    drawn = cohorts(UniformTurns(clients, size, seed, separation), rounds=40)
    rounds_of = defaultdict(list)
    for number, cohort in enumerate(drawn):
        assert len(cohort) == len(set(cohort)) == min(size, clients)
        for client in cohort:
            rounds_of[client].append(number)
    assert set(rounds_of) <= set(range(clients))
    turns = [len(rounds_of[client]) for client in range(clients)]
    assert max(turns) - min(turns) <= 1
    gaps = [later - sooner for rounds in rounds_of.values() for sooner, later in pairwise(rounds)]
    assert min(gaps, default=clients) >= (separation or max(1, clients // (2 * min(size, clients))))


@given(populations(), st.integers(1, 30))
def test_a_cohort_depends_on_seed_and_round_alone(population, number):
    clients, size, separation, seed = population
    expected = cohorts(UniformTurns(clients, size, seed, separation), number)[-1]
    assert UniformTurns(clients, size, seed, separation).cohort(number).tolist() == expected


def test_seeds_and_passes_order_the_clients_anew():
    passes = [
        [client for cohort in drawn for client in cohort]
        for seed in range(3)
        for drawn in np.split(np.array(cohorts(UniformTurns(100, 10, seed), 20)), 2)
    ]
    assert all(sorted(clients) == list(range(100)) for clients in passes)
    assert len({tuple(clients) for clients in passes}) == 6


def test_every_client_is_equally_likely_in_each_place():
    first = Counter(UniformTurns(10, 2, seed).cohort(7)[0] for seed in range(2000))
    assert set(first) == set(range(10))
    assert all(abs(count - 200) < 70 for count in first.values())  # 5 standard deviations


@pytest.mark.parametrize(("clients", "size", "most", "rounds"), [(10, 4, 2, 5), (7, 3, 1, 3), (3, 5, 2, 2)])
def test_nobody_has_more_turns_than_allowed(clients, size, most, rounds):
    sampler = UniformTurns(clients, size, 0, max_turns=most)
    assert [sampler.is_over(number) for number in range(1, rounds + 2)] == [False] * rounds + [True]
    turns = Counter(client for cohort in cohorts(sampler, rounds + 3) for client in cohort)
    assert turns == dict.fromkeys(range(clients), most)


def test_a_separation_that_too_few_clients_allow_is_refused_with_the_largest_one():
    with pytest.raises(JobError, match=r"needs 200 users in training, and there are 185: set it to 9 or less"):
        UniformTurns(185, 20, 0, min_separation=10)
    UniformTurns(185, 20, 0, min_separation=9)


def test_no_clients_give_empty_cohorts():
    assert cohorts(UniformTurns(0, 5, 0), 2) == [[], []]


def test_sizes_draw_large_clients_more_often_and_no_client_twice():
    sizes = np.array([98.0, 1.0, 1.0])
    one = BySize(sizes, 1, seed=0)
    assert [cohort[0] for cohort in cohorts(one, 200)].count(0) > 180
    assert one.cohort(5).tolist() == BySize(sizes, 1, seed=0).cohort(5).tolist()
    assert sorted(BySize(sizes, 5, seed=0).cohort(1).tolist()) == [0, 1, 2]


@pytest.mark.parametrize("section", [TrainingConfig, RoundsConfig])
def test_a_section_of_the_job_decides_how_cohorts_are_drawn(section, tiny_corpus):
    with Corpus.open(tiny_corpus) as corpus:
        data = FederatedData.of(corpus, DataConfig(), seed=0)
        assert isinstance(cohort_sampler(section(sampling="by_size"), data, 3, seed=0), BySize)
        limited = section(sampling="uniform", min_separation=2, max_turns=1)
        sampler = cohort_sampler(limited, data, 3, seed=0)
        users = len(data.population.training)
        assert sorted(client for cohort in cohorts(sampler, users) for client in cohort) == list(range(users))
        with pytest.raises(JobError, match="min_separation"):
            cohort_sampler(section(sampling="uniform", min_separation=users), data, 3, seed=0)
