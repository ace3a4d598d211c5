"""Private counts: what a client can contribute, the noise, and what the threshold costs."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from federated.job import Job
from federated.privacy.ledger import Ledger, LedgerError
from federated.privacy.noisy_counts import UNITS, NoisyCounts, noisy_counts, scaled
from federated.privacy.plan import CountPlan, plan_privacy
from federated.training import ngram_counts
from federated.training.ngram_counts import Private
from federated.training.word_counts import SavedCount, WordReader, shared_word_counts
from keyboard_model.ngram.kneser_ney import UNIGRAM, NgramCounts, ngram_keys

SEED = (2**62 + 1, 2**61 + 7)
PLAN = CountPlan.of(mu=0.5, norm=3.0, keys=1000, delta=1e-6)


def test_counts_are_scaled_down_to_the_norm_and_never_up():
    assert scaled(tf.constant([1, 2, 2]), 3.0).numpy().tolist() == [UNITS, 2 * UNITS, 2 * UNITS]
    assert scaled(tf.constant([1, 1]), 3.0).numpy().tolist() == [UNITS, UNITS]
    large = scaled(tf.constant([30, 40, 0, 1], tf.int64), 5.0).numpy()
    assert np.linalg.norm(large) <= 5.0 * UNITS
    np.testing.assert_allclose(large / UNITS, np.array([30, 40, 0, 1]) * 5 / 50.01, atol=1 / UNITS)
    assert scaled(tf.zeros([0], tf.int64), 3.0).numpy().tolist() == []


def test_the_noise_is_that_of_the_plan_and_repeats():
    low = PLAN.model_copy(update={"threshold": -1e9})
    keys, units = np.arange(20_000), np.full(20_000, 50 * UNITS)
    published, counts = NoisyCounts(low, SEED, 1).published(keys, units)
    assert np.array_equal(published, keys)
    assert counts.mean() == pytest.approx(50, abs=0.2) and counts.std() == pytest.approx(PLAN.deviation, rel=0.02)
    again = NoisyCounts(low, SEED, 1)
    blocks = [again.published(keys[part], units[part])[1] for part in (slice(0, 7), slice(7, None))]
    assert np.array_equal(np.concatenate(blocks), counts), "blocks do not change the noise"
    for other in (NoisyCounts(low, SEED, 2), NoisyCounts(low, (SEED[0] + 1, SEED[1]), 1)):
        assert abs(np.corrcoef(counts, other.published(keys, units)[1])[0, 1]) < 0.05


def test_what_one_client_alone_typed_is_published_with_at_most_the_planned_probability():
    alone = norm.sf(PLAN.threshold, loc=PLAN.norm, scale=PLAN.deviation)
    assert PLAN.keys * alone == pytest.approx(PLAN.delta)
    keys = np.arange(100_000)
    published, _ = NoisyCounts(PLAN, SEED, 1).published(keys, np.full(len(keys), int(PLAN.norm * UNITS)))
    assert len(published) == 0
    published, _ = NoisyCounts(PLAN, SEED, 1).published(keys, np.full(len(keys), int(PLAN.threshold * UNITS)))
    assert 0.48 < len(published) / len(keys) < 0.52


def quiet(keys: int = 9, threshold: float = 3.0) -> NoisyCounts:
    return NoisyCounts(CountPlan(mu=1, norm=2.0, keys=keys, deviation=0.0, threshold=threshold, delta=0), SEED, 1)


def test_words_are_counted_with_a_norm_for_each_client(execution):
    clients = {"ann": ["see you"], "bob": ["see see see see"], "cem": ["see"], "dan": ["you"]}
    reader = WordReader(max_words=100)

    def read(client):
        return reader.read(client, clients[client], 0)

    def counted(noise):
        return shared_word_counts(clients, read, min_clients=99, count_cap=10, into=SavedCount(100), noise=noise)

    assert counted(quiet()) == {"see": 4}  # 1 + 2 + 1; "you" has 1 + 1
    assert counted(quiet(threshold=1.5)) == {"see": 4, "you": 2}


def test_more_words_than_the_capacity_are_an_error(execution):
    def read(client):
        return WordReader(100).read(client, [f"word {client} and {client * 2}"], 0)

    with pytest.raises(ValueError, match=r"more distinct words than tokenizer\.capacity"):
        shared_word_counts(["ab", "cd", "ef"], read, min_clients=1, count_cap=9, into=SavedCount(2), noise=quiet())


def test_ngrams_are_counted_with_a_norm_and_the_beginnings_of_messages(execution):
    bos, word = 1, 7
    typed = np.array([[bos, bos, word], [bos, word, word], [bos, bos, word]], np.int32)
    counts = NgramCounts(**ngram_counts.build(9, Private(norm=1.0, bos=bos))([typed]))
    first, begins, at_begin, _ = ngram_keys(bos, bos, word)
    _, after, twice, _ = ngram_keys(bos, word, word)
    exact = {first: 3, begins: 2, at_begin: 2, after: 1, twice: 1, UNIGRAM + bos: 2}
    length = sum(count**2 for count in exact.values()) ** 0.5
    found = dict(zip(counts.keys.tolist(), counts.counts.tolist(), strict=True))
    assert found == {key: int(UNITS * count / length) for key, count in exact.items()}


@pytest.fixture
def ledger(tmp_path):
    settings = {"training": {"server_optimizer": "momentum"}, "privacy": {"epsilon": 8, "delta": 1e-3}}
    return Ledger(tmp_path, plan_privacy(Job.model_validate(settings), population=50))


def test_noise_is_entered_into_the_ledger_before_it_is_used(ledger, tmp_path):
    words, ngrams = noisy_counts(ledger, "words"), noisy_counts(ledger, "ngrams")
    assert Ledger(tmp_path).counts == ("words", "ngrams")
    keys, units = np.arange(1000), np.full(1000, 10**6 * UNITS)
    assert not np.array_equal(words.published(keys, units)[1], ngrams.published(keys, units)[1])
    assert noisy_counts(None, "words") is None
    ledger.finish()
    with pytest.raises(LedgerError, match="published twice"):
        noisy_counts(Ledger(tmp_path), "words")
