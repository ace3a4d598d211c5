"""The n-grams that TFF counts equal those of a plain count, also with broken clients and with several workers."""

from collections import Counter
from contextlib import ExitStack

import numpy as np
import portpicker
import pytest

from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.job import DataConfig
from federated.runtime.execution_context import execution_context
from federated.runtime.worker import worker_process
from federated.training import ngram_counts
from keyboard_model.ngram.kneser_ney import NgramCounts, ngram_keys, ngram_occurrences
from keyboard_model.text import tokenizer as tokenizers

TOKENIZER = tokenizers.train({"see": 9, "you": 8, "home": 7, "later": 6}, 400)


@pytest.fixture(scope="module")
def clients(tiny_corpus):
    with Corpus.open(tiny_corpus) as corpus:
        yield FederatedData.of(corpus, DataConfig(), seed=0)


def by_hand(clients: FederatedData, cap: int, left_out: tuple[str, ...] = ()) -> dict[int, tuple[int, int]]:
    """Returns for each key its count and the number of clients that typed it."""
    counts, typed_by = Counter(), Counter()
    for client in clients.population.training:
        if client in left_out:
            continue
        own = Counter(
            key
            for message in clients.training_messages(client)
            for occurrence in ngram_occurrences(TOKENIZER.encode(message))
            for key in ngram_keys(*occurrence)
        )
        counts.update({key: min(count, cap) for key, count in own.items()})
        typed_by.update(own.keys())
    return {key: (count, typed_by[key]) for key, count in counts.items()}


def as_dict(counts: NgramCounts) -> dict[int, tuple[int, int]]:
    keys, *figures = (part.tolist() for part in counts)
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, zip(*figures, strict=True), strict=True))


@pytest.mark.parametrize("cap", [1, 3, 1000])
@pytest.mark.parametrize("cohort", [3, 50])
def test_equals_a_plain_count_for_any_size_of_cohorts(execution, clients, monkeypatch, cap, cohort):
    monkeypatch.setattr(ngram_counts, "COHORT", cohort)
    reported = []
    counted = ngram_counts.count(clients, TOKENIZER, cap, 100_000, reported.append)
    expected = by_hand(clients, cap)
    assert as_dict(counted.counts) == expected and counted.dropped == 0
    assert max(count for count, _ in expected.values()) > 3 and max(by for _, by in expected.values()) > 1
    users = len(clients.population.training)
    assert reported == [*range(cohort, users, cohort), users]


def test_clients_that_typed_nothing_add_nothing(execution):
    nothing = np.zeros((0, 3), np.int32)
    typed = np.array([[1, 1, 7], [1, 7, 7], [7, 7, 7], [7, 7, 7]], np.int32)
    empty = ngram_counts.build(9)(NgramCounts(*[np.zeros(0, np.int64)] * 3)._asdict(), [nothing, nothing])
    assert all(len(part) == 0 for part in empty.values())
    added = ngram_counts.build(9)(empty, [nothing, typed, typed, nothing])
    (unigram, bigrams, trigrams) = (
        ngram_keys(1, 1, 7)[0],
        [ngram_keys(1, v, 7)[1] for v in (1, 7)],
        [(1, 1), (1, 7), (7, 7)],
    )
    assert as_dict(NgramCounts(**added)) == {
        unigram: (8, 2),
        bigrams[0]: (2, 2),
        bigrams[1]: (6, 2),
        **{ngram_keys(*context, 7)[2]: (count, 2) for context, count in zip(trigrams, (2, 2, 4), strict=True)},
    }


def test_a_client_with_unusable_data_is_left_out_and_counted(execution, clients, monkeypatch):
    broken = clients.population.training[1]
    read = FederatedData.training_messages

    def training_messages(self, client):
        if client == broken:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid")
        return read(self, client)

    monkeypatch.setattr(FederatedData, "training_messages", training_messages)
    counted = ngram_counts.count(clients, TOKENIZER, 100, 100_000)
    assert counted.dropped == 1
    assert as_dict(counted.counts) == by_hand(clients, 100, left_out=(broken,))


def test_two_workers_give_the_counts_of_one(clients):
    with ExitStack() as stack:
        ports = [portpicker.pick_unused_port() for _ in range(2)]
        for port in ports:
            stack.enter_context(worker_process(port))
        stack.enter_context(execution_context([f"localhost:{port}" for port in ports]))
        counted = ngram_counts.count(clients, TOKENIZER, 100, 100_000)
    assert as_dict(counted.counts) == by_hand(clients, 100)
