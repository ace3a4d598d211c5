"""A whole comparison of two folds on the tiny corpus, with real rounds, bundles and phones."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from federated.algorithms.registry import METHODS as METHODS_BY_NAME
from federated.corpus.schema import CorpusError
from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData, Population
from federated.job import Job, PersonalizationConfig, load_job
from federated.personalization.program import TrainedMethod
from federated.run import Run
from thumbprint.comparison.compare import compare, select_methods
from thumbprint.comparison.folds import CompareError
from thumbprint.comparison.measure.costs import communication
from thumbprint.comparison.measure.worker_pool import STARTED, WorkerConfig
from thumbprint.comparison.results import QUICK, ClientResult, Comparison, MethodResult, Skipped
from thumbprint.comparison.tuning import MethodTrials, Trial

METHODS = ["ditto", "user_history"]
BUDGET = replace(QUICK, trials=2, tuning_rounds=1, rounds=2, seen_users=3)


def population(run: Path, corpus: Path) -> Population:
    with Corpus.open(corpus) as opened:
        split = Run(run).clients(opened).population
        return Population(tuple(split.training), tuple(split.validation), tuple(split.new_phones))


def run_comparison(runs: list[Path], corpus: Path, out: Path, progress: list[str]) -> Comparison:
    job, options = Run(runs[0]).job(), {"methods": METHODS, "budget": BUDGET, "min_messages": 5}
    return compare(job, corpus, out, **options, runs=runs, on_progress=progress.append)


@pytest.fixture(scope="module")
def runs(tiny_run, tmp_path_factory) -> list[Path]:
    """The runs of two folds. The second is a copy of the first with another split, which saves a training."""
    job, second = Run(tiny_run).job(), Run(shutil.copytree(tiny_run, tmp_path_factory.mktemp("second") / "run"))
    other = job.model_copy(update={"data": job.data.model_copy(update={"fold": 1})})
    second.write_json("job.json", other.model_dump(mode="json", exclude={"corpus"}))
    return [tiny_run, second.path]


@pytest.fixture(scope="module")
def finished(runs, tiny_corpus, tmp_path_factory) -> tuple[Comparison, Path, list[str]]:
    out, progress = tmp_path_factory.mktemp("comparison"), []
    return run_comparison(runs, tiny_corpus, out, progress), out, progress


def test_pools_the_new_phones_of_all_folds(finished, runs, tiny_corpus):
    expected = [user for run in runs for user in population(run, tiny_corpus).new_phones]
    for method in finished[0].methods:
        assert sorted(row.user_id for row in method.clients if row.group == "new_phone") == sorted(expected)


def test_measures_a_user_in_training_in_the_fold_after_the_one_where_it_is_new(finished, runs, tiny_corpus):
    job = Run(runs[0]).job()
    last = job.data.model_copy(update={"fold": job.data.folds - 1})
    with Corpus.open(tiny_corpus) as corpus:
        before_first = FederatedData.of(corpus, last, job.seed).population
        seen_first, seen_second = set(before_first.new_phones), {*population(runs[0], tiny_corpus).new_phones}
    seen = {row.user_id for row in finished[0].method("ditto").clients if row.group == "seen"}
    assert seen == seen_first | seen_second


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
    assert len(list(out.glob("fold-*/model-*/bundles/global_only-*.bundle"))) == 2
    seen = {row.user_id: row.hits_at_3 for row in comparison.method("global_only").clients if row.group == "seen"}
    assert seen
    for row in comparison.method("ditto").clients:
        if row.group == "seen":
            assert row.shared_hits_at_3 == seen[row.user_id]


def test_reports_started_and_finished_tasks_and_the_remaining_time(finished):
    progress = finished[2]
    started = [line.partition(": started (")[0] for line in progress if ": started (" in line]
    tuned, measured = METHODS, ["global_only", *METHODS]
    assert sorted(started) == sorted(f"fold {fold}: {name}" for fold in (0, 1) for name in (*tuned, *measured))
    assert started[0] == "fold 0: ditto"  # the most expensive
    assert "(0 of 10 done)" in progress[0]
    assert re.search(r"\(\d of 10 done, about \d+ min left\)$", progress[-1])


def test_the_tried_settings_of_all_folds_choose_without_the_new_phones_of_the_fold(finished, runs, tiny_corpus):
    method, out, _ = finished[0].method("user_history"), *finished[1:]
    files = [json.loads(path.read_text()) for path in sorted(out.glob("fold-*/model-*/tuning/user_history-*.json"))]
    assert [trial["values"] for trial in files[0]["trials"]] == [trial["values"] for trial in files[1]["trials"]]
    for run, chosen in zip(runs, method.settings_by_fold, strict=True):
        new = population(run, tiny_corpus).new_phones
        means = [
            np.mean([worth for trial in same for user, worth in trial["utilities"].items() if user not in new])
            for same in zip(*(content["trials"] for content in files), strict=True)
        ]
        assert chosen == files[0]["trials"][int(np.argmax(means))]["values"]


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
        setup = WorkerConfig(tiny_corpus, tiny_run, tmp_path, tmp_path, 5, config, BUDGET).setup(corpus)
        trained = TrainedMethod((), lambda client: ())
        assert communication(setup, METHODS_BY_NAME[name], config, trained) is None


def test_repeats_no_finished_work_and_measures_what_is_missing(finished, runs, tiny_corpus):
    comparison, out, _ = finished
    progress: list[str] = []
    assert run_comparison(runs, tiny_corpus, out, progress) == comparison
    assert progress == []
    (missing,) = out.glob("fold-1-*/model-*/methods/user_history-*.json")
    missing.unlink()
    assert run_comparison(runs, tiny_corpus, out, progress) == comparison
    assert {line.partition(" (")[0] for line in progress if ": started (" in line} == {"fold 1: user_history: started"}


def test_trains_the_shared_models_of_the_folds_side_by_side_and_only_once(job_file, tiny_corpus, tmp_path):
    progress: list[str] = []

    def run() -> Comparison:
        budget = replace(BUDGET, folds=2, beside=False)
        options = {"methods": ["global_only"], "budget": budget, "min_messages": 5}
        return compare(load_job(job_file), tiny_corpus, tmp_path, **options, on_progress=progress.append)

    comparison = run()
    steps = [line.partition(" (")[0] for line in progress]
    assert sorted(steps[:2]) == [f"fold {fold}: shared model: started" for fold in (0, 1)]
    runs = sorted(path.parent for path in tmp_path.glob("fold-*/shared/summary.json"))
    new_phones = [set(population(folder, tiny_corpus).new_phones) for folder in runs]
    assert len(new_phones) == 2
    assert new_phones[0].isdisjoint(new_phones[1])
    measured = {row.user_id for row in comparison.method("global_only").clients if row.group == "new_phone"}
    assert measured == new_phones[0] | new_phones[1]
    progress.clear()
    assert run() == comparison
    assert progress == []


def test_rejects_an_unknown_method():
    with pytest.raises(CompareError, match=r"no method 'magic'.*fine_tuning"):
        select_methods(["magic"])
    assert select_methods(["ditto"]) == ["global_only", "ditto"]


def test_rejects_a_corpus_without_users_to_measure(tiny_run, tiny_corpus, tmp_path):
    with pytest.raises(CompareError, match="min-messages"):
        compare(Job(), tiny_corpus, tmp_path, methods=["ditto"], budget=BUDGET, min_messages=10_000, runs=[tiny_run])


def test_a_missing_corpus_leaves_no_folder_behind(tiny_run, tmp_path):
    with pytest.raises(CorpusError, match="nowhere"):
        compare(Run(tiny_run).job(), tmp_path / "nowhere.sqlite", tmp_path / "out", budget=BUDGET, runs=[tiny_run])
    assert not (tmp_path / "out").exists()


def test_never_measures_the_users_for_tuning_a_fold_in_that_fold(finished, runs, tiny_corpus):
    for run, folder in zip(runs, sorted(finished[1].glob("fold-*")), strict=True):
        results = [json.loads(path.read_text()) for path in folder.glob("model-*/methods/*.json")]
        measured = {row["user_id"] for result in results for row in result["clients"]}
        assert measured
        assert not measured & set(population(run, tiny_corpus).validation)


class FakePool:
    """Does every task at once, without a process. `FakePool.done` lists the tasks; the task `stop_at` never ends."""

    done: ClassVar[list[tuple[str, int, str]]] = []
    stop_at: ClassVar[tuple[str, int, str] | None] = None
    skipped: ClassVar[str | None] = None

    def __init__(self, configs, processes, on_progress):
        self.report = on_progress

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def tune(self, tasks):
        for fold, name in tasks:
            self._begin("tune", fold, name)
            if name == self.skipped:
                yield fold, Skipped(name=name, reason="no reason")
            else:
                yield fold, MethodTrials(name=name, trials=(Trial(values={"steps": fold}, utilities={}),) * 2)

    def measure(self, tasks):
        for fold, name, tuned in tasks:
            self._begin("measure", fold, name)
            row = ClientResult(user_id=f"u{fold}", group="new_phone", messages=9, words=5, hits_at_1=0, hits_at_3=1)
            values = {"paper": "", "where": "phone", "on_device": True, "trials": tuned.trials}
            yield fold, MethodResult(name=name, settings=dict(tuned.values), clients=(row,), **values)

    def _begin(self, *task):
        _, fold, name = task
        self.report(fold, name, STARTED)
        if task == self.stop_at:
            raise KeyboardInterrupt
        self.done.append(task)


@pytest.fixture
def fake_pool(monkeypatch):
    for name, value in {"done": [], "stop_at": None, "skipped": None}.items():
        monkeypatch.setattr(FakePool, name, value)
    monkeypatch.setattr("thumbprint.comparison.compare.WorkerPool", FakePool)
    return FakePool


@pytest.mark.parametrize("stop_at", [("tune", 1, "ditto"), ("measure", 0, "global_only"), ("measure", 1, "ditto")])
def test_a_stopped_comparison_continues_with_the_task_that_was_under_way(
    fake_pool, runs, tiny_corpus, tmp_path, stop_at
):
    fake_pool.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        run_comparison(runs, tiny_corpus, tmp_path, [])
    fake_pool.stop_at = None
    comparison = run_comparison(runs, tiny_corpus, tmp_path, [])
    assert len(fake_pool.done) == len(set(fake_pool.done)) == 2 * (2 + 3)
    assert [row.user_id for row in comparison.method("ditto").clients] == ["u0", "u1"]


def test_a_method_that_cannot_be_tuned_is_left_out_of_all_folds(fake_pool, runs, tiny_corpus, tmp_path):
    fake_pool.skipped, progress = "ditto", []
    comparison = run_comparison(runs, tiny_corpus, tmp_path, progress)
    assert [method.name for method in comparison.methods] == ["global_only", "user_history"]
    assert comparison.skipped == (Skipped(name="ditto", reason="no reason"),)
    assert "(7 of 8 done" in progress[-1]  # the measurements of ditto no longer count


def test_a_fold_without_a_new_phone_is_left_out(fake_pool, tiny_run, tiny_corpus, tmp_path):
    job = Run(tiny_run).job()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("thumbprint.comparison.folds.Fold.is_trained", lambda fold: True)
        patch.setattr("thumbprint.comparison.folds.Fold.results", lambda fold: fold.folder)
        options = {"methods": METHODS, "budget": replace(BUDGET, folds=50), "min_messages": 5}
        comparison = compare(job, tiny_corpus, tmp_path, **options)
    with Corpus.open(tiny_corpus) as corpus:
        assert (
            len({fold for _, fold, _ in fake_pool.done}) == len(comparison.method("ditto").clients) == corpus.num_users
        )
