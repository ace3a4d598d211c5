import numpy as np
import pytest

from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.evaluation import shared_model
from federated.job import DataConfig
from federated.run import Run
from federated.training.callbacks import validation
from federated.training.callbacks.callback import Progress, RoundReport, RunState
from federated.training.callbacks.validation import Validation, validation_data
from keyboard_model.model import cifg_lstm
from keyboard_model.text import tokenizer
from tests.support.federated.plain_counts import plain_word_counts


@pytest.fixture
def clients(tiny_corpus):
    with Corpus.open(tiny_corpus) as corpus:
        yield FederatedData.of(corpus, DataConfig(validation_share=0.5), seed=0)


@pytest.fixture
def pieces(clients):
    return tokenizer.train(plain_word_counts(clients.all_training_messages(), min_clients=2), 400)


def test_the_sample_has_so_many_users_and_the_newest_text_of_each(clients, pieces, monkeypatch):
    users = len(clients.population.validation)
    assert len(validation_data(pieces, clients, 100, 4, 8, seed=0)) == users == 5
    assert len(validation_data(pieces, clients, 2, 4, 8, seed=0)) == 2
    monkeypatch.setattr(validation, "_MOST_PIECES", 30)
    for user, batches in zip(
        clients.population.validation, validation_data(pieces, clients, 100, 4, 8, 0), strict=True
    ):
        newest = clients.training_messages(user)
        while sum(len(pieces.encode(message).ids) for message in newest[1:]) >= 30:
            newest = newest[1:]
        expected = shared_model.evaluation_batches(pieces, newest, 4, 8)
        assert len(newest) < len(clients.training_messages(user))
        for found, part in zip(batches, expected, strict=True):
            np.testing.assert_array_equal(found.tokens, part.tokens)


def test_cohorts_bound_each_call_and_together_are_one_measurement(tmp_path, monkeypatch):
    clients = [[np.float32(words)] for words in (100, 300, 50, 0, 200)]
    calls = []

    def evaluate(weights, cohort):
        calls.append(len(cohort))
        sums = [float(words) for (words,) in cohort]
        return [{"words": words, "hits_at_3": words / 4, "loss_sum": 2 * words} for words in sums]

    monkeypatch.setattr(shared_model, "CLIENTS_PER_CALL", 2)
    run = RunState(None, None, tuple(cifg_lstm.init(8, 4, 4, seed=0)), progress=Progress(round=3))
    run.report = RoundReport(3, 3, 0.0, 0, 0, 0, 0.0)
    Validation(Run(tmp_path), evaluate, clients, every=3, rounds=3).after_round(run)
    assert calls == [2, 2, 1]
    assert (run.report.recall_at_3, run.report.validation_loss) == pytest.approx((0.25, 2.0))
