"""A whole comparison on the tiny corpus: real rounds, real bundles, real phones."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from federated.algorithms.registry import METHODS as METHODS_BY_NAME
from federated.corpus.store import Corpus, CorpusError
from federated.job import Job, PersonalizationConfig
from federated.personalization.program import TrainedMethod
from federated.run import Run
from thumbprint.comparison.compare import CompareError, compare, names_of
from thumbprint.comparison.measure.costs import own_rounds
from thumbprint.comparison.measure.worker_pool import WorkerConfig
from thumbprint.comparison.results import QUICK, Comparison

METHODS = ["ditto", "user_history"]
BUDGET = replace(QUICK, trials=2, tuning_rounds=1, rounds=2, seen_users=3)


def comparing(tiny_run: Path, tiny_corpus: Path, out: Path, said: list[str]) -> Comparison:
    job = Run(tiny_run).job()
    return compare(job, tiny_corpus, out, methods=METHODS, budget=BUDGET, min_messages=5, run=tiny_run, say=said.append)


@pytest.fixture(scope="module")
def found(tiny_run, tiny_corpus, tmp_path_factory) -> tuple[Comparison, Path, list[str]]:
    out, said = tmp_path_factory.mktemp("comparison"), []
    return comparing(tiny_run, tiny_corpus, out, said), out, said


def test_every_method_is_measured_on_the_same_words(found):
    comparison = found[0]
    assert [method.name for method in comparison.methods] == ["global_only", *METHODS]
    rows = [
        {(row.user_id, row.group): row.words for row in method.clients if row.group == "new_phone"}
        for method in comparison.methods
    ]
    assert rows[0]
    assert all(other == rows[0] for other in rows)


def test_the_shared_model_gains_and_loses_nothing_on_itself(found):
    new = [row for row in found[0].method("global_only").clients if row.group == "new_phone"]
    assert {(row.gained, row.lost) for row in new} == {(0, 0)}


def test_the_shared_model_is_exported_once_and_tested_once(found):
    comparison, out, _ = found
    assert len(list((out / "bundles").glob("global_only-*.bundle"))) == 1
    seen = {row.user_id: row.hits_at_3 for row in comparison.method("global_only").clients if row.group == "seen"}
    assert seen
    for row in comparison.method("ditto").clients:
        if row.group == "seen":
            assert row.shared_hits_at_3 == seen[row.user_id]


def test_it_says_what_is_begun_how_many_are_done_and_how_long_the_rest_takes(found):
    said = found[2]
    begun = [what.partition(":")[0] for what in said if ": begun (" in what]
    assert sorted(begun) == sorted(["global_only", *METHODS])
    assert begun[0] == "ditto"  # the dearest
    assert "(0 of 3 done)" in said[0]
    assert re.search(r"\(\d of 3 done, about \d+ min left\)$", said[-1])


def test_tuned_with_the_same_number_of_trials(found):
    assert {method.name: method.trials for method in found[0].methods} == {"global_only": 0} | dict.fromkeys(METHODS, 2)


def test_rounds_cost_bytes_on_top_of_the_shared_model(found):
    costs = {method.name: method.communication for method in found[0].methods}
    assert costs["ditto"].bytes_total > costs["global_only"].bytes_total == costs["user_history"].bytes_total
    assert costs["ditto"].bytes_up_a_round < costs["global_only"].bytes_up_a_round


@pytest.mark.parametrize("name", ["local_only", "centralized"])
def test_without_a_round_no_model_is_sent(tiny_run, tiny_corpus, tmp_path, name):
    config = PersonalizationConfig(method=name)
    with Corpus.open(tiny_corpus) as corpus:
        setting = WorkerConfig(tiny_corpus, tiny_run, tmp_path, 5, config, BUDGET).setting(corpus)
        assert own_rounds(setting, METHODS_BY_NAME[name], config, TrainedMethod((), lambda client: ())) is None


def test_the_second_time_nothing_is_done_again(found, tiny_run, tiny_corpus):
    comparison, out, _ = found
    said: list[str] = []
    assert comparing(tiny_run, tiny_corpus, out, said) == comparison
    assert said == []


def test_a_method_that_there_is_not():
    with pytest.raises(CompareError, match=r"no method 'magic'.*fine_tuning"):
        names_of(["magic"])
    assert names_of(["ditto"]) == ["global_only", "ditto"]


def test_nobody_to_measure(tiny_run, tiny_corpus, tmp_path):
    with pytest.raises(CompareError, match="min-messages"):
        compare(Job(), tiny_corpus, tmp_path, methods=["ditto"], budget=BUDGET, min_messages=10_000, run=tiny_run)


def test_a_corpus_that_is_not_there_leaves_nothing_behind(tiny_run, tmp_path):
    with pytest.raises(CorpusError, match="nowhere"):
        compare(Run(tiny_run).job(), tmp_path / "nowhere.sqlite", tmp_path / "out", budget=BUDGET, run=tiny_run)
    assert not (tmp_path / "out").exists()


def test_the_users_tuned_on_are_never_the_users_measured(found, tiny_run, tiny_corpus):
    job = Run(tiny_run).job()
    from federated.data.federated_data import FederatedData

    with Corpus.open(tiny_corpus) as corpus:
        population = FederatedData.of(corpus, job.data, job.seed).population
    measured = {row.user_id for method in found[0].methods for row in method.clients}
    assert measured
    assert not measured & set(population.validation)
