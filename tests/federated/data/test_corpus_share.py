"""The data of clients that a worker reads from its copy of the corpus equals the data that would be sent."""

from collections.abc import Sequence

import numpy as np
import portpicker
import pytest
import tensorflow as tf
import tensorflow_federated as tff
from tensorflow_federated.proto.v0 import executor_pb2

from federated.corpus.schema import CorpusError
from federated.corpus.store import Corpus
from federated.corpus.synthetic.generate import write_synthetic
from federated.data.client_batches import ClientBatcher, Cohort, cohort_batches
from federated.data.corpus_share import ClientReference, ClientSource, CorpusShare
from federated.data.federated_data import FederatedData
from federated.evaluation import shared_model
from federated.job import DataConfig
from federated.runtime.credentials import Address
from federated.runtime.execution_context import execution_context, workers_have_copy
from federated.runtime.tff_types import batch_type, model_weights
from federated.runtime.worker import WorkerError, WorkerProcess, wait_until_ready, worker_process
from federated.runtime.worker_front import front
from federated.training import ngram_counts
from federated.training.callbacks.validation import validation_data
from federated.training.ngram_counts import NgramReader
from federated.training.spilled_counts import SpilledCounts
from federated.training.train_run import READERS
from federated.training.word_counts import SavedCount, WordReader, shared_word_counts
from keyboard_model.model import cifg_lstm
from keyboard_model.text.tokenizer import Tokenizer, train
from tests.support.federated.worker_with_copy import using_worker_with_copy


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train({"see": 9, "you": 8, "at": 7, "ok": 6, "home": 5, "work": 4}, 400)


def batcher(tokenizer: Tokenizer, *, max_windows: int = 100, word_dropout: float = 0.0) -> ClientBatcher:
    return ClientBatcher(tokenizer, batch=3, window=8, max_windows=max_windows, word_dropout=word_dropout, seed=0)


@tff.tensorflow.computation(batch_type(3, 8))
def fingerprint(data):
    """Differs if a number or the order of the batches differs."""
    weights = tf.range(1, 25, dtype=tf.int64)

    def add(so_far, batch):
        both = (tf.cast(tf.reshape(part, [24]), tf.int64) * weights for part in batch)
        return so_far * 31 + sum(tf.reduce_sum(part) for part in both)

    return data.reduce(tf.constant(0, tf.int64), lambda so_far, batch: add(so_far, batch))


@tff.federated_computation(tff.FederatedType(batch_type(3, 8), tff.CLIENTS))
def fingerprints(data):
    return tff.federated_map(fingerprint, data)


@pytest.fixture(scope="module")
def worker():
    with worker_process() as running:
        wait_until_ready(running)
        yield running


@pytest.fixture(scope="module")
def data(tiny_corpus):
    with Corpus.open(tiny_corpus) as corpus:
        yield FederatedData.of(corpus, DataConfig(), seed=0)


def seen_by(worker: WorkerProcess, share: CorpusShare | None, data: FederatedData, cohort: list) -> tuple[bool, list]:
    """Returns whether the worker has a copy of the corpus, and the fingerprints that it computes."""
    address = Address("localhost", portpicker.pick_unused_port())
    with front(address, worker, None, share), execution_context([str(address)]):
        return workers_have_copy(data.corpus.corpus_id), [int(found) for found in fingerprints(cohort)]


def two_references(tokenizer: Tokenizer, data: FederatedData) -> Cohort:
    source = ClientSource(batcher(tokenizer), data, by_workers=True)
    return cohort_batches(source, list(data.population.training)[:2], 1)


def test_a_worker_with_a_copy_of_the_corpus_reads_the_batches_of_its_clients(
    tokenizer, worker, data, tiny_corpus, monkeypatch
):
    made, clients = batcher(tokenizer, word_dropout=0.3, max_windows=6), list(data.population.training)
    sent, references = (cohort_batches(ClientSource(made, data, by), clients, 5) for by in (False, True))
    assert sent.clients == references.clients and all(isinstance(item, ClientReference) for item in references.batches)

    expected = seen_by(worker, None, data, sent.batches)
    assert expected[0] is False and len(set(expected[1])) == len(clients)
    assert seen_by(worker, None, data, references.batches) == expected  # without a copy, the batches are sent

    def read(self):
        raise AssertionError("the training read the batches")

    monkeypatch.setattr(ClientReference, "read", read)
    with Corpus.open(tiny_corpus) as copy:
        assert seen_by(worker, CorpusShare(copy, READERS), data, references.batches) == (True, expected[1])


def test_a_copy_of_another_corpus_is_not_used(tokenizer, worker, data, tmp_path):
    write_synthetic(tmp_path / "other.sqlite", users=3, messages=(20, 21), seed=2)
    references = two_references(tokenizer, data)
    sent = [client.read() for client in references.batches]
    with Corpus.open(tmp_path / "other.sqlite") as other:
        assert seen_by(worker, CorpusShare(other, READERS), data, references.batches) == seen_by(
            worker, None, data, sent
        )


def test_a_worker_gives_a_client_whose_data_is_unusable_no_batches(tokenizer, worker, data, monkeypatch):
    references = two_references(tokenizer, data)
    share = CorpusShare(data.corpus, READERS)

    def unusable(self, *arguments):
        raise ValueError

    monkeypatch.setattr(ClientBatcher, "read", unusable)
    assert seen_by(worker, share, data, references.batches) == (True, [0, 0])


def test_a_worker_that_cannot_read_its_copy_is_lost_with_the_reason(tokenizer, worker, data, monkeypatch):
    references = two_references(tokenizer, data)

    def fill(self, request):
        raise CorpusError("the copy is damaged")

    monkeypatch.setattr(CorpusShare, "fill", fill)
    with pytest.raises(WorkerError, match=r"refuses the work .*the copy is damaged.*--resume"):
        seen_by(worker, CorpusShare(data.corpus, READERS), data, references.batches)


def test_a_reference_to_a_training_that_is_unknown_is_an_error(tokenizer, data):
    client = two_references(tokenizer, data).batches[0]
    request = executor_pb2.CreateValueRequest(value=executor_pb2.Value(computation=client.reference()))
    share = CorpusShare(data.corpus, READERS)
    assert share.fill(b"other") == b"other"
    with pytest.raises(ValueError, match="was not told"):
        share.fill(request.SerializeToString())
    share.open(client.source)
    filled = executor_pb2.CreateValueRequest.FromString(share.fill(request.SerializeToString()))
    assert filled.value.HasField("sequence")


@pytest.fixture
def no_client_is_read_here(monkeypatch):
    def read(self, *arguments):
        raise AssertionError("the training read the messages of a client")

    monkeypatch.setattr(ClientReference, "read", read)
    monkeypatch.setattr(ClientSource, "read", read)


def words_of(data: FederatedData, clients: Sequence[str] | None = None) -> dict[str, int]:
    source = ClientSource(WordReader(max_words=40), data)
    clients = clients or data.population.training
    return shared_word_counts(clients, source, min_clients=2, count_cap=9, into=SavedCount(10_000))


def ngrams_of(
    data: FederatedData, tokenizer: Tokenizer, folder, clients: Sequence[str] | None = None
) -> list[np.ndarray]:
    sums = SpilledCounts(folder, "test")
    source = ClientSource(NgramReader(tokenizer, max_pieces=60), data)
    ngram_counts.count(clients or data.population.training, source, sums, count_cap=9)
    return [np.stack(block) for block in sums.blocks()]


def tallies_of(data: FederatedData, tokenizer: Tokenizer) -> list:
    model = cifg_lstm.init(len(tokenizer), 4, 4, seed=0)
    evaluate = shared_model.build(model, tokenizer, 3, 8)
    clients = validation_data(tokenizer, data, 3, 3, 8, seed=0)
    return [{name: float(part) for name, part in tally.items()} for tally in evaluate(model_weights(model), clients)]


def test_words_ngrams_and_validation_read_by_a_worker_equal_those_that_are_sent(
    execution, tokenizer, data, tmp_path, request
):
    words, ngrams, tallies = words_of(data), ngrams_of(data, tokenizer, tmp_path / "sent"), tallies_of(data, tokenizer)
    assert len(words) > 20 and sum(map(np.size, ngrams)) > 100 and all(tally["words"] > 5 for tally in tallies)
    request.getfixturevalue("no_client_is_read_here")
    with using_worker_with_copy(data.corpus):
        assert words_of(data) == words
        found = ngrams_of(data, tokenizer, tmp_path / "read")
        np.testing.assert_array_equal(np.concatenate(found, axis=1), np.concatenate(ngrams, axis=1))
        assert [tally["hits_at_3"] for tally in tallies_of(data, tokenizer)] == [one["hits_at_3"] for one in tallies]


def test_a_client_whose_messages_a_worker_cannot_use_adds_no_words_and_no_ngrams(
    execution, data, tokenizer, tmp_path, monkeypatch
):
    unusable, *others = data.population.training
    words = words_of(data, others)
    ngrams = ngrams_of(data, tokenizer, tmp_path / "sent", others)
    for reader in (WordReader, NgramReader):
        read = reader.read

        def broken(self, client, messages, turn, read=read):
            if client == unusable:
                raise ValueError
            return read(self, client, messages, turn)

        monkeypatch.setattr(reader, "read", broken)
    with using_worker_with_copy(data.corpus):
        assert words_of(data, [unusable, *others]) == words
        found = ngrams_of(data, tokenizer, tmp_path / "read", [unusable, *others])
    np.testing.assert_array_equal(np.concatenate(found, axis=1), np.concatenate(ngrams, axis=1))
