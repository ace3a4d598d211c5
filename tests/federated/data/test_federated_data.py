"""Who takes which part, and that no test message is ever trained on."""

import pytest

from federated.corpus.schema import CorpusError
from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.job import DataConfig


@pytest.fixture
def corpus(tiny_corpus):
    with Corpus.open(tiny_corpus) as opened:
        yield opened


def test_every_user_takes_one_part(corpus):
    population = FederatedData.of(corpus, DataConfig(new_phone_share=0.25, validation_share=0.25), seed=0).population
    parts = (population.training, population.validation, population.new_phones)
    assert [len(part) for part in parts] == [7, 2, 3]
    assert sorted(user for part in parts for user in part) == sorted(corpus.user_ids())


def test_the_seed_decides_who(corpus):
    def new_phones(seed):
        return FederatedData.of(corpus, DataConfig(new_phone_share=0.5), seed).population.new_phones

    assert new_phones(0) == new_phones(0)
    assert len({new_phones(seed) for seed in range(5)}) > 1


def test_training_and_test_messages_are_all_of_them_in_order(corpus):
    clients = FederatedData.of(corpus, DataConfig(train_share=0.8), seed=0)
    for user in corpus.user_ids():
        everything = [message.text for message in corpus.messages(user)]
        learnt, tested = clients.training_messages(user), clients.test_messages(user)
        assert learnt + tested == everything
        assert len(learnt) == int(0.8 * len(everything) + 1e-9)


def test_all_training_messages_are_those_of_training_clients(corpus):
    clients = FederatedData.of(corpus, DataConfig(), seed=0)
    expected = [clients.training_messages(user) for user in clients.population.training]
    assert list(clients.all_training_messages()) == expected


def test_nothing_held_out(corpus):
    clients = FederatedData.of(corpus, DataConfig(new_phone_share=0.0, validation_share=0.0, train_share=1.0), seed=0)
    assert len(clients.population.training) == corpus.num_users
    assert clients.test_messages(clients.population.training[0]) == []


def test_nobody_unknown(corpus):
    with pytest.raises(CorpusError, match="no user"):
        FederatedData.of(corpus, DataConfig(), seed=0).training_messages("nobody")
