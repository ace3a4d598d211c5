"""The split of users and messages, cohorts, and shared word counts."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federated.corpus.schema import CorpusError
from federated.corpus.store import Corpus
from federated.data import federated_data
from federated.data.federated_data import FederatedData, split_users
from federated.job import DataConfig

IDS = st.sets(st.text(min_size=1), max_size=40)


@pytest.fixture(params=["small", "large"])
def corpus_size(request, monkeypatch):
    """Splits the users of the test once by rank, and once as in a corpus with more than `EXACT_USERS`."""
    if request.param == "large":
        monkeypatch.setattr(federated_data, "EXACT_USERS", -1)
    return request.param


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(IDS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 4), st.integers(-3, 3), st.randoms())
def test_every_user_gets_one_role_in_any_order_of_ids(corpus_size, ids, new_share, validation_share, fold, seed, rng):
    shuffled = list(ids)
    rng.shuffle(shuffled)
    shares = {"new_phone_share": new_share, "validation_share": validation_share, "fold": fold, "seed": seed}
    split = split_users(sorted(ids), **shares)
    assert split == split_users(shuffled, **shares)
    assert sorted(split.training + split.validation + split.new_phones) == sorted(ids)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(IDS, st.integers(2, 60), st.integers(-3, 3))
def test_every_user_is_a_new_phone_in_exactly_one_fold(corpus_size, ids, folds, seed):
    new = [split_users(ids, new_phone_share=1 / folds, fold=fold, seed=seed).new_phones for fold in range(folds)]
    assert sorted(user for users in new for user in users) == sorted(ids)


def test_a_small_corpus_has_exactly_the_shares_in_every_fold():
    for fold in range(5):
        split = split_users([f"u{i}" for i in range(12)], fold=fold)
        assert len(split.new_phones) in (2, 3)
        assert len(split.validation) == 1


def test_in_a_large_corpus_the_other_users_do_not_change_the_role_of_a_user(monkeypatch):
    everybody = [f"u{i}" for i in range(1000)]
    monkeypatch.setattr(federated_data, "EXACT_USERS", 100)
    monkeypatch.setattr(federated_data, "_CHUNK", 64)
    whole, half = split_users(everybody, fold=2), split_users(everybody[::2], fold=2)
    for role in ("training", "validation", "new_phones"):
        assert getattr(half, role) == tuple(sorted(set(getattr(whole, role)) & set(everybody[::2])))
    sizes = [len(users) for users in (whole.training, whole.validation, whole.new_phones)]
    assert sizes == pytest.approx([720, 80, 200], rel=0.3)


def test_the_validation_share_is_a_share_of_the_users_that_are_not_new():
    split = split_users([f"u{i}" for i in range(100)])
    assert (len(split.training), len(split.validation), len(split.new_phones)) == (72, 8, 20)


def test_seeds_give_different_splits_and_zero_shares_hold_out_no_users():
    ids = [f"u{i}" for i in range(100)]
    assert split_users(ids, seed=1).new_phones != split_users(ids, seed=2).new_phones
    assert split_users(ids, new_phone_share=0, validation_share=0).training == tuple(sorted(ids))


def test_the_validation_share_does_not_change_the_new_phones():
    ids = [f"u{i}" for i in range(100)]
    assert split_users(ids, validation_share=0.5).new_phones == split_users(ids).new_phones


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_rejects_shares_outside_0_to_1(share):
    with pytest.raises(CorpusError, match="from 0 to 1"):
        split_users(["a"], new_phone_share=share)


@pytest.fixture
def corpus(tiny_corpus):
    with Corpus.open(tiny_corpus) as opened:
        yield opened


def test_every_user_of_a_corpus_has_one_role(corpus):
    population = FederatedData.of(corpus, DataConfig(new_phone_share=0.25, validation_share=0.25), seed=0).population
    roles = (population.training, population.validation, population.new_phones)
    assert [len(users) for users in roles] == [7, 2, 3]
    assert sorted(user for users in roles for user in users) == sorted(corpus.user_ids())


def test_a_corpus_is_split_like_its_ids_whatever_its_size(corpus, corpus_size):
    split = split_users(corpus.user_ids(), fold=1, seed=3)
    population = FederatedData.of(corpus, DataConfig(fold=1), seed=3).population
    for role in ("training", "validation", "new_phones"):
        found, expected = getattr(population, role), getattr(split, role)
        assert tuple(found) == expected
        assert [found[i] for i in range(len(found))] == list(expected)
        assert tuple(found[1:3]) == expected[1:3]


def test_the_seed_decides_the_roles(corpus):
    def new_phones(seed):
        return tuple(FederatedData.of(corpus, DataConfig(new_phone_share=0.5), seed).population.new_phones)

    assert new_phones(0) == new_phones(0)
    assert len({new_phones(seed) for seed in range(5)}) > 1


def test_training_and_test_messages_are_the_older_and_the_newer_ones(corpus):
    clients = FederatedData.of(corpus, DataConfig(train_share=0.8), seed=0)
    for user in corpus.user_ids():
        messages = [message.text for message in corpus.messages(user)]
        training, test = clients.training_messages(user), clients.test_messages(user)
        assert [*training, *test] == messages
        assert len(training) == int(0.8 * len(messages) + 1e-9)


def test_all_training_messages_come_from_training_clients(corpus):
    clients = FederatedData.of(corpus, DataConfig(), seed=0)
    expected = [clients.training_messages(user) for user in clients.population.training]
    assert list(clients.all_training_messages()) == expected


def test_shares_of_zero_hold_out_nothing(corpus):
    clients = FederatedData.of(corpus, DataConfig(new_phone_share=0.0, validation_share=0.0, train_share=1.0), seed=0)
    assert len(clients.population.training) == corpus.num_users
    assert list(clients.test_messages(clients.population.training[0])) == []


def test_rejects_an_unknown_client(corpus):
    with pytest.raises(CorpusError, match="no user"):
        FederatedData.of(corpus, DataConfig(), seed=0).training_messages("unknown")


def test_users_are_chosen_by_their_numbers_of_messages(corpus):
    users = FederatedData.of(corpus, DataConfig(), seed=0).population.training
    expected = {user: corpus.message_count(user) for user in users}
    assert list(users.message_counts) == list(expected.values())
    least = int(np.median(users.message_counts))
    assert list(users.with_messages(least)) == [user for user, count in expected.items() if count >= least]


def test_a_sample_has_different_users_of_the_group_and_depends_on_the_seed(corpus):
    users = FederatedData.of(corpus, DataConfig(), seed=0).population.training
    samples = [tuple(users.sample(4, seed)) for seed in range(6)]
    assert all(list(sample) == sorted(set(sample) & set(users)) and len(sample) == 4 for sample in samples)
    assert samples[0] == tuple(users.sample(4, 0))
    assert len(set(samples)) > 1
    assert list(users.sample(100, 0)) == list(users)


def test_the_sizes_of_training_clients_are_capped(corpus):
    clients = FederatedData.of(corpus, DataConfig(max_messages=7), seed=0)
    counts = [corpus.message_count(user) for user in clients.population.training]
    assert clients.training_sizes.tolist() == [min(count, 7) for count in counts]
    assert len(set(counts)) > 1
