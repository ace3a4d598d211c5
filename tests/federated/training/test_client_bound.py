"""A poisoned client changes the shared model, the vocabulary and the n-grams by no more than the stated bound.

It typed a sentence of its own 10,000 times. Every test runs the real computation with it and without it.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_federated as tff

from federated.corpus.schema import Record
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus
from federated.data.client_batches import ClientBatcher, cohort_batches
from federated.data.corpus_share import ClientSource
from federated.data.federated_data import CorpusUsers, FederatedData, Population
from federated.job import DataConfig, Job, ModelConfig, NgramConfig, TrainingConfig
from federated.training import fed_avg, ngram_counts
from federated.training.client_bound import ADAM_FACTOR, ClientBound
from federated.training.spilled_counts import SpilledCounts
from federated.training.word_counts import SavedCount, WordReader, shared_word_counts
from keyboard_model.model import cifg_lstm
from keyboard_model.ngram.kneser_ney import BIGRAM, TRIGRAM, UNIGRAM, NgramCounts, kneser_ney
from keyboard_model.text import tokenizer as tokenizers
from tests.support.federated.plain_counts import plain_word_counts

HONEST = ("ann", "bob", "cem")
POISON = "see zorblatt coins"
EPSILON = 1e4
"""The server's Adam with this ε and a rate of 10·ε takes the mean update as it is, up to a relative error of 1e-4."""
JOB = Job(
    data=DataConfig(max_messages=500),
    model=ModelConfig(embedding=8, cells=8),
    training=TrainingConfig(
        batch=4,
        window=8,
        max_windows=8,
        client_learning_rate=2.0,
        clip=50.0,
        dropout=0.0,
        word_dropout=0.0,
        server_learning_rate=10 * EPSILON,
        server_epsilon=EPSILON,
    ),
    ngram=NgramConfig(count_cap=20, max_pieces=900),
)
BOUND = ClientBound.of(JOB)


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    """Three people with 40 messages each, and one with 10,000 copies of a sentence."""
    records = [
        Record(user, None, f"see you at {place} {'later' if i % 2 else 'soon'}")
        for user, place in zip(HONEST, ("home", "work", "home"), strict=True)
        for i in range(40)
    ]
    path = tmp_path_factory.mktemp("corpus") / "poisoned.sqlite"
    write_corpus(path, [*records, *[Record("eve", None, POISON)] * 10_000], source="jsonl", description="poisoned")
    with Corpus.open(path) as corpus:
        yield FederatedData(corpus, population(corpus, users=4), train_share=0.8, max_messages=500)


def population(corpus, users):
    """Returns a population with the first users in training; the last of four is the poisoned one."""
    numbers = np.arange(users, dtype=np.int32)
    return Population(*(CorpusUsers(corpus, part) for part in (numbers, numbers[:0], numbers[:0])))


@pytest.fixture(scope="module")
def honest(poisoned):
    return replace(poisoned, population=population(poisoned.corpus, users=3))


@pytest.fixture(scope="module")
def vocabulary(poisoned):
    counts = plain_word_counts(poisoned.all_training_messages(), min_clients=2, count_cap=JOB.tokenizer.count_cap)
    return tokenizers.train(counts, 400)


@pytest.mark.usefixtures("execution")
def test_the_vocabulary_has_no_word_of_the_poisoned_client(poisoned, honest, vocabulary):
    config = JOB.tokenizer.model_dump(include={"min_clients", "count_cap"})
    reader = WordReader(JOB.tokenizer.max_words)
    without, with_it = (
        shared_word_counts(data.population.training, ClientSource(reader, data), into=SavedCount(10_000), **config)
        for data in (honest, poisoned)
    )
    assert with_it.keys() == without.keys()
    assert max(with_it[word] - without[word] for word in without) == BOUND.word_count
    assert not any("zorb" in piece or "coin" in piece for piece in vocabulary.pieces)


def test_only_some_messages_of_the_poisoned_client_are_read(poisoned):
    assert len(poisoned.training_messages("eve")) == BOUND.messages
    assert poisoned.training_sizes.tolist() == [40, 40, 40, BOUND.messages]


@pytest.mark.usefixtures("execution")
def test_a_round_moves_the_shared_model_by_at_most_the_bound(poisoned, honest, vocabulary):
    training = JOB.training
    batcher = ClientBatcher(
        vocabulary,
        batch=training.batch,
        window=training.window,
        max_windows=training.max_windows,
        word_dropout=0,
        seed=0,
    )
    initial = cifg_lstm.init(len(vocabulary), JOB.model.embedding, JOB.model.cells, seed=0)
    process = fed_avg.build(initial, training, vocabulary.bos)
    start = process.initialize()

    def mean(cohort, data):
        state = process.next(start, cohort.batches).state
        after = state.global_model_weights.trainable
        return np.concatenate([np.ravel(old - np.asarray(new)) for old, new in zip(initial, after, strict=True)])

    cohorts = [cohort_batches(ClientSource(batcher, data), data.population.training, 1) for data in (honest, poisoned)]
    weights = [sum(int((batch.targets >= 0).sum()) for batch in batches) for batches in cohorts[1].batches]
    assert max(weights) <= BOUND.weight
    without, with_it = mean(cohorts[0], honest), mean(cohorts[1], poisoned)
    clipping_norm = 1.0  # the aggregator's first estimate
    allowed = replace(BOUND, weight=weights[-1]).mean_change(sum(weights[:-1]), clipping_norm)
    moved = float(np.linalg.norm(with_it - without))
    assert 0.1 * allowed < moved <= 1.001 * allowed
    assert allowed <= BOUND.mean_change(sum(weights[:-1]), clipping_norm)


@pytest.mark.usefixtures("execution")
def test_the_counts_of_ngrams_change_by_at_most_the_bound(poisoned, honest, vocabulary, tmp_path):
    reader = ngram_counts.NgramReader(vocabulary, JOB.ngram.max_pieces)
    sums = [SpilledCounts(tmp_path / name, "test") for name in ("without", "with_it")]
    for data, into in zip((honest, poisoned), sums, strict=True):
        ngram_counts.count(data.population.training, ClientSource(reader, data), into, count_cap=JOB.ngram.count_cap)
    without, with_it = (NgramCounts(*np.concatenate([*map(np.stack, into.blocks())], axis=1)) for into in sums)
    before = dict(zip(without.keys.tolist(), without.counts.tolist(), strict=True))
    added = {
        key: count - before.get(key, 0)
        for key, count in zip(with_it.keys.tolist(), with_it.counts.tolist(), strict=True)
        if count != before.get(key, 0)
    }
    assert max(added.values()) == BOUND.ngram_count
    for order in range(UNIGRAM, TRIGRAM + UNIGRAM, UNIGRAM):
        assert sum(count for key, count in added.items() if order <= key < order + UNIGRAM) <= BOUND.ngrams
    published = kneser_ney([with_it], len(vocabulary), JOB.ngram.min_clients, JOB.ngram.max_ngrams).bigrams
    context = np.repeat(published.contexts.astype(np.int64), np.diff(published.starts))
    assert len(context)
    assert set((BIGRAM + context * 2**16 + published.pieces).tolist()) <= before.keys(), "none of that client alone"


def test_a_client_contributes_the_ngrams_of_so_many_pieces(poisoned, vocabulary):
    assert (
        len(ngram_counts.NgramReader(vocabulary, max_pieces=7).read("eve", poisoned.training_messages("eve"), 0)) == 7
    )


def test_no_gradients_move_a_weight_further_than_the_bound_of_the_servers_adam():
    rate = JOB.training.server_learning_rate
    optimizer = tff.learning.optimizers.build_adam(1.0, beta_1=0.9, beta_2=0.99, epsilon=1e-30)
    state, weight, longest = optimizer.initialize(tf.TensorSpec([], tf.float32)), tf.constant(0.0), 0.0
    for step in range(150):  # the worst sequence: gradients that grow by β₂/β₁ a round
        state, after = optimizer.next(state, weight, tf.constant(1e-15 * (0.99 / 0.9) ** step, tf.float32))
        longest, weight = max(longest, abs(float(after - weight))), after
    assert 0.8 * ADAM_FACTOR < longest <= 1.001 * ADAM_FACTOR
    assert BOUND.server_step == pytest.approx(rate * ADAM_FACTOR)


def test_the_default_job_has_the_bound_of_the_documentation():
    bound = ClientBound.of(Job())
    assert (bound.messages, bound.pieces, bound.update, bound.weight) == (5000, 640, 10.0, 640)
    assert (bound.words, bound.word_count, bound.ngram_count, bound.ngrams) == (10_000, 100, 100, 100_000)
    assert bound.server_step == pytest.approx(0.0235, abs=1e-4)
    assert bound.mean_change(others=9 * 640, clipping_norm=1.0) == pytest.approx(0.2)
    assert math.isclose(ADAM_FACTOR, 2.345, abs_tol=1e-3)
