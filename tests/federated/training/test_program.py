"""The training program: interrupted runs can be resumed, callbacks can stop a run, and the best model is saved."""

import csv
import random
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import tensorflow as tf

from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.evaluation.shared_model import EvaluationBatch, evaluation_batches, tally_batches, whole_word_penalty
from federated.run import Run, RunError, TrainingResult
from federated.training.callbacks.callback import Callback, RunState
from federated.training.callbacks.validation import VALIDATION_WORDS
from federated.training.train_run import train
from keyboard_model.model import cifg_lstm
from tests.support.federated.runs import tiny_job, training_child

JOB = tiny_job()


@pytest.fixture(scope="module")
def uninterrupted(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An uninterrupted run."""
    return train(JOB, tiny_corpus, tmp_path_factory.mktemp("uninterrupted") / "run")


@pytest.fixture(scope="module")
def result(uninterrupted: Run) -> TrainingResult:
    """The result of the uninterrupted run."""
    return uninterrupted.result()


def rows(run: Run) -> list[dict[str, float]]:
    """Returns the rows of `rounds.csv` without the seconds, which differ between runs."""
    with run.rounds.open() as file:
        return [
            {name: float(value) for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)
        ]


def assert_same_run(one: Run, other: Run) -> None:
    for name in ("last", "best"):
        for a, b in zip(one.parameters(name), other.parameters(name), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    for a, b in zip(rows(one), rows(other), strict=True):
        assert a == pytest.approx(b, rel=1e-4, nan_ok=True)


def assert_stopped(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=120)
    assert not alive


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if "worker_binary" in " ".join(child.cmdline())]


def kill_after(child, run: Run, rounds: int, seconds: float) -> int:
    """Kills a training `seconds` after it has done `rounds` rounds; returns the number of its workers."""
    while child.is_alive() and (not run.rounds.exists() or len(rows(run)) < rounds):
        time.sleep(0.01)
    time.sleep(seconds)
    workers = workers_of(psutil.Process(child.pid))
    assert child.is_alive(), "the training ended before it was killed"
    child.kill()
    child.join()
    assert_stopped(workers)
    return len(workers)


def test_a_run_that_is_killed_and_resumed_equals_an_uninterrupted_one(uninterrupted, tiny_corpus, tmp_path):
    run, moments = Run(tmp_path / "run"), random.Random(0)
    child = training_child(JOB, tiny_corpus, run.path, resume=True)
    kill_after(child, run, 0, moments.uniform(0, 0.5))
    child = training_child(JOB, tiny_corpus, run.path, resume=True)
    # Round 7 has its figures, and no checkpoint. A worker is two processes: itself, and its parent in its namespace.
    assert kill_after(child, run, 7, 0) == 2
    train(JOB, tiny_corpus, run.path, resume=True)
    assert_same_run(run, uninterrupted)
    assert not list(run.path.glob(".*.safetensors.*")), "half-written files are left"


def test_a_finished_run_has_its_figures_and_two_checkpoints(uninterrupted, result):
    assert (result.rounds, result.stopped_by, result.broken_clients) == (12, "rounds", 0)
    assert [row["round"] for row in rows(uninterrupted)] == list(range(1, 13))
    assert [row["round"] for row in rows(uninterrupted) if not np.isnan(row["recall_at_3"])] == [2, 4, 6, 8, 10, 12]
    assert all(row["clients"] == 3 and row["dropped"] == 0 and row["targets"] > 0 for row in rows(uninterrupted))
    assert result.tokens_per_second > 0
    assert list(uninterrupted.tensorboard.iterdir())
    assert len(list(uninterrupted.states.iterdir())) <= 2


def test_resuming_a_finished_run_changes_nothing_and_leaves_no_worker(uninterrupted, result, tiny_corpus):
    before, kept = uninterrupted.rounds.read_bytes(), uninterrupted.parameters("last")
    workers = workers_of(psutil.Process())
    again = train(JOB, tiny_corpus, uninterrupted.path, resume=True).result()
    assert (again.rounds, again.best_round, again.best_recall) == (
        result.rounds,
        result.best_round,
        result.best_recall,
    )
    assert uninterrupted.rounds.read_bytes() == before
    for a, b in zip(uninterrupted.parameters("last"), kept, strict=True):
        np.testing.assert_array_equal(a, b)
    assert workers_of(psutil.Process()) == workers


def test_training_lowers_the_loss(uninterrupted):
    losses = [row["loss"] for row in rows(uninterrupted)]
    assert losses[-1] < losses[0]


def test_the_best_model_has_the_recall_that_validation_measured(uninterrupted, result, tiny_corpus):
    shared, tokenizer, sums = uninterrupted.parameters("best"), uninterrupted.tokenizer(), np.zeros(2)
    with Corpus.open(tiny_corpus) as corpus:
        clients = FederatedData.of(corpus, JOB.data, JOB.seed)
        for client in clients.population.validation:
            batches = evaluation_batches(tokenizer, clients.training_messages(client), 4, 8)
            data = EvaluationBatch(*map(np.stack, zip(*batches, strict=True)))
            tally = tally_batches(
                lambda features: cifg_lstm.logits(shared, features),
                cifg_lstm.Parameters(*map(tf.constant, shared)),
                data,
                tf.constant(whole_word_penalty(tokenizer)),
                tokenizer.bos,
            )
            counted = min(float(tally.words), VALIDATION_WORDS)
            sums += [float(tally.hits_at_3) * counted / float(tally.words), counted]
    assert sums[0] / sums[1] == pytest.approx(result.best_recall, rel=1e-4)


def test_rejects_a_run_in_which_another_process_is_training(tiny_corpus, tmp_path):
    child = training_child(JOB, tiny_corpus, tmp_path / "run")
    try:
        while not (tmp_path / "run" / "job.json").exists():
            assert child.is_alive()
            time.sleep(0.05)
        with pytest.raises(RunError, match="another process"):
            train(JOB, tiny_corpus, tmp_path / "run", resume=True)
    finally:
        child.kill()
        child.join()


def test_validations_without_a_gain_stop_the_training(tiny_corpus, tmp_path):
    job = tiny_job(rounds=50, server_learning_rate=0.0, evaluate_every=1, patience=2)
    ended = train(job, tiny_corpus, tmp_path / "run").result()
    assert (ended.stopped_by, ended.rounds, ended.best_round) == ("patience", 3, 1)


@pytest.fixture(scope="module")
def one_round(tiny_corpus, tmp_path_factory) -> Run:
    """A run that is out of time before its first validation."""
    job = tiny_job(max_minutes=1e-6, evaluate_every=100, rounds=100, over_selection=0.5)
    return train(job, tiny_corpus, tmp_path_factory.mktemp("one_round") / "run")


def test_a_run_that_is_out_of_time_before_its_first_validation_has_a_best_model(one_round):
    ended = one_round.result()
    assert (ended.stopped_by, ended.rounds) == ("minutes", 1)
    for a, b in zip(one_round.parameters("best"), one_round.parameters("last"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_over_selection_draws_more_clients(one_round):
    assert [row["clients"] for row in rows(one_round)] == [5]  # a half more than 3


def test_training_continues_when_all_clients_diverge(tiny_corpus, tmp_path):
    job = tiny_job(rounds=2, client_learning_rate=1e30, clip=1e30)
    ended = train(job, tiny_corpus, tmp_path / "run").result()
    assert ended.broken_clients == 6
    assert all(np.isfinite(part).all() for part in Run(tmp_path / "run").parameters("last"))


class SumOfLosses(Callback):
    """A callback of a user: sums the losses of the rounds, and can stop after a given round."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.total, self.rounds, self._stop_after, self.ended = 0.0, 0, stop_after, False

    def stop(self, run: RunState) -> str | None:
        return "enough" if run.progress.round == self._stop_after else None

    def after_round(self, run: RunState) -> None:
        self.total, self.rounds = self.total + run.report.loss, self.rounds + 1

    def on_end(self, run: RunState) -> None:
        self.ended = True

    def state(self) -> dict[str, float]:
        return {"total": self.total, "rounds": self.rounds}

    def restore(self, state: dict[str, float]) -> None:
        self.total, self.rounds = float(state["total"]), int(state["rounds"])


def test_a_callback_of_a_user_stops_a_run_and_is_resumed_with_its_state(uninterrupted, tiny_corpus, tmp_path):
    run = train(JOB, tiny_corpus, tmp_path / "run", callbacks=[SumOfLosses(stop_after=6)])
    assert (run.result().stopped_by, run.result().rounds) == ("enough", 6)
    with pytest.raises(RunError, match="other callbacks"):  # the state belongs to a callback that is missing
        train(JOB, tiny_corpus, run.path, resume=True)
    resumed = SumOfLosses()
    train(JOB, tiny_corpus, run.path, resume=True, callbacks=[resumed])
    assert_same_run(run, uninterrupted)
    assert (resumed.rounds, resumed.ended) == (12, True)
    assert resumed.total == pytest.approx(sum(row["loss"] for row in rows(uninterrupted)), rel=1e-4)
