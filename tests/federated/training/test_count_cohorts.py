"""How clients are cut into the cohorts of a count."""

import pytest

from federated.data.corpus_share import ClientReference
from federated.training import count_cohorts as module
from federated.training.count_cohorts import count_cohorts


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "CLIENTS", 4)
    monkeypatch.setattr(module, "REFERENCES", 2)
    monkeypatch.setattr(module, "ROWS", 10)


def sizes(*rows: int) -> list[list[int]]:
    return list(count_cohorts((size, size) for size in rows))


def test_a_cohort_ends_with_the_most_clients_or_rows():
    assert sizes() == []
    assert sizes(1, 1, 1, 1, 1) == [[1, 1, 1, 1], [1]]
    assert sizes(3, 8, 10, 1, 30, 2) == [[3, 8], [10], [1, 30], [2]]


def test_fewer_clients_are_in_a_cohort_that_workers_read():
    reference = object.__new__(ClientReference)
    cohorts = list(count_cohorts((data, 0) for data in ("a", reference, reference, reference)))
    assert [len(cohort) for cohort in cohorts] == [3, 1]


def test_clients_are_read_one_cohort_at_a_time():
    read = []
    cohorts = count_cohorts((read.append(number) or number, 1) for number in range(100))
    assert next(cohorts) == [0, 1, 2, 3] == read
