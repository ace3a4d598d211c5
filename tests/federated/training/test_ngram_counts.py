"""The n-grams that TFF counts equal those of a plain count, also with broken clients and with several workers."""

from collections import Counter
from contextlib import ExitStack

import numpy as np
import portpicker
import pytest

from federated.corpus.store import Corpus
from federated.data.corpus_share import ClientSource
from federated.data.federated_data import FederatedData
from federated.job import DataConfig
from federated.runtime.execution_context import execution_context
from federated.training import count_cohorts, ngram_counts, spilled_counts
from federated.training.spilled_counts import SpilledCounts
from keyboard_model.ngram.kneser_ney import NgramCounts, ngram_keys, ngram_occurrences
from keyboard_model.text import tokenizer as tokenizers
from tests.support.federated.open_worker import open_worker

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


def as_dict(*blocks: NgramCounts) -> dict[int, tuple[int, int]]:
    keys, *figures = np.concatenate([np.zeros((3, 0), np.int64), *map(np.stack, blocks)], axis=1).tolist()
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, zip(*figures, strict=True), strict=True))


def count(clients: FederatedData, sums: SpilledCounts, cap: int = 100, **more) -> dict[int, tuple[int, int]]:
    read = ClientSource(ngram_counts.NgramReader(TOKENIZER, max_pieces=100_000), clients)
    ngram_counts.count(clients.population.training, read, sums, count_cap=cap, **more)
    return as_dict(*sums.blocks())


@pytest.fixture
def sums(tmp_path):
    return SpilledCounts(tmp_path / "sums", "test")


@pytest.mark.parametrize("cap", [1, 3, 1000])
@pytest.mark.parametrize(("cohort", "pieces"), [(3, 10**6), (50, 10**6), (50, 1)])
def test_equals_a_plain_count_for_any_size_of_cohorts(execution, clients, sums, monkeypatch, cap, cohort, pieces):
    monkeypatch.setattr(count_cohorts, "CLIENTS", cohort)
    monkeypatch.setattr(count_cohorts, "ROWS", pieces)
    reported = []
    counted = count(clients, sums, cap, on_client=reported.append)
    expected = by_hand(clients, cap)
    assert counted == expected and sums.dropped == 0
    assert max(count for count, _ in expected.values()) > 3 and max(by for _, by in expected.values()) > 1
    users = len(clients.population.training)
    assert reported == [*range(step := 1 if pieces == 1 else cohort, users, step), users]


def test_clients_that_typed_nothing_add_nothing(execution):
    nothing = np.zeros((0, 3), np.int32)
    typed = np.array([[1, 1, 7], [1, 7, 7], [7, 7, 7], [7, 7, 7]], np.int32)
    assert all(len(part) == 0 for part in ngram_counts.build(9)([nothing, nothing]).values())
    added = as_dict(NgramCounts(**ngram_counts.build(9)([nothing, typed, typed, nothing])))
    unigram, after_1, *_ = ngram_keys(1, 1, 7)
    expected = {unigram: (8, 2), after_1: (2, 2), ngram_keys(1, 7, 7)[1]: (6, 2)}
    for context, count_of in {(1, 1): 2, (1, 7): 2, (7, 7): 4}.items():
        expected |= dict.fromkeys(ngram_keys(*context, 7)[2:], (count_of, 2))
    assert added == expected


def test_a_client_with_unusable_data_is_left_out_and_counted(execution, clients, sums, monkeypatch):
    broken = clients.population.training[1]
    read = FederatedData.training_messages

    def training_messages(self, client):
        if client == broken:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid")
        return read(self, client)

    monkeypatch.setattr(FederatedData, "training_messages", training_messages)
    assert count(clients, sums) == by_hand(clients, 100, left_out=(broken,))
    assert sums.dropped == 1


@pytest.mark.parametrize("killed_at", [1, 4, 7])
def test_a_killed_count_continues_without_reading_a_counted_client_again(
    execution, clients, sums, tmp_path, monkeypatch, killed_at
):
    monkeypatch.setattr(count_cohorts, "CLIENTS", 2)
    monkeypatch.setattr(spilled_counts, "ROWS_IN_MEMORY", 1)
    users = clients.population.training
    reads = []

    def training_messages(self, client):
        reads.append(client)
        if len(reads) == killed_at:
            raise KeyboardInterrupt
        return read(self, client)

    read = FederatedData.training_messages
    monkeypatch.setattr(FederatedData, "training_messages", training_messages)
    with pytest.raises(KeyboardInterrupt):
        count(clients, sums)
    resumed = SpilledCounts(tmp_path / "sums", "test")
    done = (killed_at - 1) // 2 * 2
    assert resumed.clients == done
    counted = count(clients, resumed)
    assert reads[killed_at:] == list(users)[done:]
    assert counted == by_hand(clients, 100)


def test_two_workers_give_the_counts_of_one(clients, sums):
    with ExitStack() as stack:
        ports = [portpicker.pick_unused_port() for _ in range(2)]
        for port in ports:
            stack.enter_context(open_worker(port))
        stack.enter_context(execution_context([f"localhost:{port}" for port in ports]))
        counted = count(clients, sums)
    assert counted == by_hand(clients, 100)
