"""Which users and messages of a corpus are measured."""

from dataclasses import replace

import pytest

from benchmarks.base_en.sources import SOURCES
from benchmarks.five_folds.corpora import CORPORA, GROUPS
from benchmarks.five_folds.folds import TRIGRAMS, BenchmarkFold
from device_runtime.simulation.held_out import TrialPlan
from federated.job import Job, load_job
from tests.support.federated.heterogeneity.users import corpus_of, speaker


@pytest.fixture
def fold(tmp_path):
    """A fold of 10 users with 40 messages of 5 words each."""
    corpus = corpus_of(tmp_path / "corpus.sqlite", **{f"u{i}": speaker("w", 40, i) for i in range(10)})
    plan = TrialPlan(tested=3)
    measured = replace(CORPORA["chitchat"], groups=GROUPS, trigrams=("publishable",), plan=plan)
    return BenchmarkFold(measured, Job(), tmp_path, corpus, keys=None)


@pytest.mark.parametrize("name", CORPORA)
def test_every_corpus_has_a_job_of_its_name_and_known_sources_and_trigrams(name):
    corpus = CORPORA[name]
    assert load_job(corpus.job).name == corpus.name == name
    assert set(corpus.base) <= set(SOURCES) and set(corpus.trigrams) <= set(TRIGRAMS)


def test_the_chat_starts_from_a_base_that_was_not_trained_on_its_people():
    corpus = CORPORA["chitchat"]
    assert load_job(corpus.job).training.start.resolve() == (corpus.run / "base").resolve()
    assert corpus.base and "chitchat.txt" not in corpus.base


def test_no_more_users_are_measured_than_asked_for(fold):
    capped = replace(fold, measured=replace(fold.measured, most_users=1))
    for group in GROUPS:
        (user,) = capped.users(group)
        assert user in fold.users(group) and len(fold.users(group)) == 2


def test_the_trigrams_are_tested_on_the_messages_of_the_phones(fold):
    for of_user in fold.trigrams()["publishable"]["new_phones"].values():
        assert of_user[0] == 3 * 5
