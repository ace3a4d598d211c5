"""A whole comparison on the tiny corpus, with real rounds, bundles and phones, and the estimate of its duration."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from federated.algorithms.registry import METHODS as METHODS_BY_NAME
from federated.corpus.schema import CorpusError
from federated.corpus.store import Corpus
from federated.job import Job, PersonalizationConfig
from federated.personalization.program import TrainedMethod
from federated.run import Run
from thumbprint.comparison.compare import CompareError, RemainingTime, compare, estimated_cost, select_methods
from thumbprint.comparison.measure.costs import communication
from thumbprint.comparison.measure.worker_pool import WorkerConfig
from thumbprint.comparison.results import QUICK, Budget, Comparison

METHODS = ["ditto", "user_history"]
BUDGET = replace(QUICK, trials=2, tuning_rounds=1, rounds=2, seen_users=3)
ETA_BUDGET = Budget(trials=3, tuning_rounds=5, rounds=20, epochs=1, seen_users=1)


def run_comparison(tiny_run: Path, tiny_corpus: Path, out: Path, progress: list[str]) -> Comparison:
    job, options = Run(tiny_run).job(), {"methods": METHODS, "budget": BUDGET, "min_messages": 5}
    return compare(job, tiny_corpus, out, **options, run=tiny_run, on_progress=progress.append)


@pytest.fixture(scope="module")
def finished(tiny_run, tiny_corpus, tmp_path_factory) -> tuple[Comparison, Path, list[str]]:
    out, progress = tmp_path_factory.mktemp("comparison"), []
    return run_comparison(tiny_run, tiny_corpus, out, progress), out, progress


def test_measures_every_method_on_the_same_words(finished):
    comparison = finished[0]
    assert [method.name for method in comparison.methods] == ["global_only", *METHODS]
    rows = [
        {(row.user_id, row.group): row.words for row in method.clients if row.group == "new_phone"}
        for method in comparison.methods
    ]
    assert rows[0]
    assert all(other == rows[0] for other in rows)


def test_the_shared_model_gains_and_loses_no_word_against_itself(finished):
    new = [row for row in finished[0].method("global_only").clients if row.group == "new_phone"]
    assert {(row.gained, row.lost) for row in new} == {(0, 0)}


def test_exports_and_tests_the_shared_model_once(finished):
    comparison, out, _ = finished
    assert len(list((out / "bundles").glob("global_only-*.bundle"))) == 1
    seen = {row.user_id: row.hits_at_3 for row in comparison.method("global_only").clients if row.group == "seen"}
    assert seen
    for row in comparison.method("ditto").clients:
        if row.group == "seen":
            assert row.shared_hits_at_3 == seen[row.user_id]


def test_reports_started_methods_finished_methods_and_the_remaining_time(finished):
    progress = finished[2]
    started = [line.partition(":")[0] for line in progress if ": started (" in line]
    assert sorted(started) == sorted(["global_only", *METHODS])
    assert started[0] == "ditto"  # the most expensive
    assert "(0 of 3 done)" in progress[0]
    assert re.search(r"\(\d of 3 done, about \d+ min left\)$", progress[-1])


def test_tunes_every_method_with_the_same_number_of_trials(finished):
    trials = {method.name: method.trials for method in finished[0].methods}
    assert trials == {"global_only": 0} | dict.fromkeys(METHODS, 2)


def test_adds_the_bytes_of_a_method_to_those_of_the_shared_model(finished):
    costs = {method.name: method.communication for method in finished[0].methods}
    assert costs["ditto"].bytes_total > costs["global_only"].bytes_total == costs["user_history"].bytes_total
    assert costs["ditto"].bytes_up_a_round < costs["global_only"].bytes_up_a_round


@pytest.mark.parametrize("name", ["local_only", "centralized"])
def test_methods_without_rounds_send_no_model(tiny_run, tiny_corpus, tmp_path, name):
    config = PersonalizationConfig(method=name)
    with Corpus.open(tiny_corpus) as corpus:
        setup = WorkerConfig(tiny_corpus, tiny_run, tmp_path, 5, config, BUDGET).setup(corpus)
        trained = TrainedMethod((), lambda client: ())
        assert communication(setup, METHODS_BY_NAME[name], config, trained) is None


def test_repeats_no_finished_work(finished, tiny_run, tiny_corpus):
    comparison, out, _ = finished
    progress: list[str] = []
    assert run_comparison(tiny_run, tiny_corpus, out, progress) == comparison
    assert progress == []


def test_rejects_an_unknown_method():
    with pytest.raises(CompareError, match=r"no method 'magic'.*fine_tuning"):
        select_methods(["magic"])
    assert select_methods(["ditto"]) == ["global_only", "ditto"]


def test_rejects_a_corpus_without_users_to_measure(tiny_run, tiny_corpus, tmp_path):
    with pytest.raises(CompareError, match="min-messages"):
        compare(Job(), tiny_corpus, tmp_path, methods=["ditto"], budget=BUDGET, min_messages=10_000, run=tiny_run)


def test_a_missing_corpus_leaves_no_folder_behind(tiny_run, tmp_path):
    with pytest.raises(CorpusError, match="nowhere"):
        compare(Run(tiny_run).job(), tmp_path / "nowhere.sqlite", tmp_path / "out", budget=BUDGET, run=tiny_run)
    assert not (tmp_path / "out").exists()


def test_never_measures_the_users_for_tuning(finished, tiny_run, tiny_corpus):
    job = Run(tiny_run).job()
    from federated.data.federated_data import FederatedData

    with Corpus.open(tiny_corpus) as corpus:
        population = FederatedData.of(corpus, job.data, job.seed).population
    measured = {row.user_id for method in finished[0].methods for row in method.clients}
    assert measured
    assert not measured & set(population.validation)


def test_estimates_the_cost_of_rounds_trials_and_measurement():
    assert estimated_cost(METHODS_BY_NAME["global_only"], ETA_BUDGET) == 40
    assert estimated_cost(METHODS_BY_NAME["fine_tuning"], ETA_BUDGET) == 40 + 3 * 4
    assert estimated_cost(METHODS_BY_NAME["ditto"], ETA_BUDGET) == 40 + 3 * (4 + 5) + 20


def test_estimates_the_remaining_time_from_the_finished_methods():
    now = [100.0]
    left = RemainingTime({"a": 10, "b": 30, "c": 60}, clock=lambda: now[0])
    left.start("a")
    assert left.describe() == "0 of 3 done"
    now[0] += 60  # a cost of 10 took one minute, so 90 take nine
    left.finish("a")
    assert left.describe() == "1 of 3 done, about 9 min left"
    left.start("b")
    now[0] += 120  # two of the three minutes of b
    assert left.describe() == "1 of 3 done, about 7 min left"
    now[0] += 180  # b takes longer than estimated: the six minutes of c remain
    assert left.describe() == "1 of 3 done, about 6 min left"
    left.finish("b")  # 40 took six minutes, so 60 take nine
    assert left.describe() == "2 of 3 done, about 9 min left"


def test_two_methods_in_parallel_need_half_the_time():
    now = [0.0]
    left = RemainingTime({"a": 10, "b": 20, "c": 30}, at_once=2, clock=lambda: now[0])
    left.start("a")
    left.start("b")
    now[0] += 120  # 10 took two minutes: two of b's four minutes and six of c remain
    left.finish("a")
    left.start("c")
    assert left.describe() == "1 of 3 done, about 4 min left"
