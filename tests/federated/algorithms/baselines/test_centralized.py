import numpy as np
import pytest
import tensorflow as tf

from federated.algorithms.baselines import centralized
from federated.algorithms.baselines.centralized import METHOD, CentralizedOptions, Slice
from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.job import DataConfig, JobError
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import train as train_tokenizer
from tests.support.federated.adam_by_hand import adam_by_hand
from tests.support.federated.personal import BASE, TENSORS, context_of, text
from tests.support.federated.plain_counts import plain_word_counts
from tests.support.federated.toys import BOS, B, E, H, T, client, parameters

pytestmark = pytest.mark.usefixtures("execution")
OPTIONS = CentralizedOptions(epochs=2, learning_rate=0.01, dropout=0, batch=B, window=T, clip=0.5)


@pytest.fixture
def clients(tiny_corpus):
    with Corpus.open(tiny_corpus) as corpus:
        yield FederatedData.of(corpus, DataConfig(), seed=0)


@pytest.fixture
def tokenizer(clients):
    counts = plain_word_counts(clients.all_training_messages(), min_clients=2)
    return train_tokenizer(counts, 500)


def apart(one: Parameters, other: Parameters) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def test_each_slice_continues_from_the_state_of_the_last_one():
    batches = client(5, seed=0, counted=7)
    process = centralized.build(parameters(), OPTIONS, BOS)
    state = process.initialize(parameters())
    for part in (batches[:2], batches[2:4], batches[4:]):
        state, measured = process.next(state, part)
        assert float(measured["targets"]) == 7 * len(part)
    for found, by_hand in zip(state[0], adam_by_hand(parameters(), batches, 0.01, 0.5), strict=True):
        np.testing.assert_allclose(found, by_hand, atol=2e-5)


def test_training_reads_only_the_training_messages_and_lowers_the_loss(clients, tokenizer):
    read = []

    class Watched(FederatedData):
        def training_messages(self, client):
            read.append(client)
            return super().training_messages(client)

        def test_messages(self, client):
            raise AssertionError("a test part was read")

    watched = Watched(clients.corpus, clients.population, clients.train_share, clients.max_messages)
    initial = cifg_lstm.init(len(tokenizer), 8, 12, seed=0)
    options = CentralizedOptions(epochs=3, batch=4, window=10, learning_rate=0.01)
    seen: list[Slice] = []
    found = centralized.train(initial, watched, tokenizer, options, on_slice=seen.append)
    assert sorted(read) == sorted([*clients.population.training] * 3)
    assert [read[i] for i in range(len(read) // 3)] != list(clients.population.training)
    last = {done.epoch: done for done in seen}
    assert [last[epoch].batches for epoch in (1, 2, 3)] == [last[1].batches] * 3
    assert last[3].loss < last[1].loss - 0.3
    again = centralized.train(initial, clients, tokenizer, options)
    assert apart(found, again) < 1e-4


def test_returns_the_model_of_the_best_epoch(clients, tokenizer):
    initial = cifg_lstm.init(len(tokenizer), 4, 6, seed=0)
    options = CentralizedOptions(epochs=3, batch=4, window=10)
    epochs: list[Parameters] = []

    def validate(model: Parameters) -> float:
        epochs.append(model)
        return [2.0, 1.0, 3.0][len(epochs) - 1]

    best = centralized.train(initial, clients, tokenizer, options, validate=validate)
    assert apart(best, epochs[1]) == 0
    assert apart(best, centralized.train(initial, clients, tokenizer, options)) > 1e-3


def test_without_epochs_the_model_is_the_random_start(clients, tokenizer):
    initial = cifg_lstm.init(len(tokenizer), 4, 6, seed=0)
    found = centralized.train(initial, clients, tokenizer, CentralizedOptions(epochs=0))
    assert apart(found, initial) == 0


def test_every_client_has_the_servers_model():
    context = context_of(METHOD, {"seed": 7})
    start = METHOD.server(BASE, context)
    assert apart(start, cifg_lstm.init(len(BASE.parameters.embedding), E, H, seed=7)) == 0
    server = tf.nest.map_structure(tf.constant, start)
    found = METHOD.personalize(TENSORS, server, (), text(client(1, seed=0), []), context)
    assert apart(found.parameters, start) == 0
    assert METHOD.phone is None and METHOD.local is None


@pytest.mark.parametrize("options", [{"epochs": -1}, {"dropout": 1}, {"batch": 0}, {"rounds": 1}])
def test_rejects_options_that_are_unknown_or_out_of_range(options):
    with pytest.raises(JobError, match=rf"options of centralized: {next(iter(options))}"):
        context_of(METHOD, options)
