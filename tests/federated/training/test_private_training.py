"""A training with differential privacy: what it publishes, how it resumes, and what it refuses."""

import random
import shutil
import time

import numpy as np
import psutil
import pytest

from federated.base import Base
from federated.corpus.schema import Record
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus
from federated.data.corpus_share import ClientSource
from federated.evaluation.evaluate_run import evaluate
from federated.job import Job, JobError
from federated.privacy.guarantee import guarantee_of
from federated.privacy.ledger import LedgerError
from federated.run import Run, RunError
from federated.training.callbacks.callback import Callback, RunState
from federated.training.train_run import train
from tests.federated.training.test_start_from_base import made_base
from tests.support.federated.runs import tiny_job, training_child


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return made_base(tmp_path_factory.mktemp("made") / "base")


def private_job(base: Base, privacy: dict = {}, **training: object) -> Job:  # noqa: B006 (read only)
    settings = {"start": base.path, "server_optimizer": "momentum", "server_learning_rate": 0.3, "clients_per_round": 2}
    job = tiny_job(**settings | training).model_dump()
    job["privacy"] = {"epsilon": 8.0, "delta": 0.01, "clipping_quantile": 0.5} | privacy
    return Job.model_validate(job)


@pytest.fixture(scope="module")
def uninterrupted(base, tiny_corpus, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(private_job(base), tiny_corpus, tmp_path_factory.mktemp("private") / "run")


class StopAfter(Callback):
    """Kills the training with an error after a round."""

    def __init__(self, round_number: int) -> None:
        self._round = round_number

    def before_round(self, run: RunState) -> None:
        if run.progress.round == self._round:
            raise KeyboardInterrupt


def test_a_private_training_spends_its_budget_and_says_so(uninterrupted):
    guarantee = guarantee_of(uninterrupted.path)
    assert guarantee.participation.rounds == 12
    assert (guarantee.participation.turns, guarantee.participation.separation) == (3, 4)  # 9 users
    assert guarantee.epsilon == pytest.approx(8.0) and guarantee.budget == 8.0


@pytest.mark.parametrize("mechanism", ["blt", "tree", "independent"])
def test_a_private_training_that_is_interrupted_equals_an_uninterrupted_one(base, tiny_corpus, tmp_path, mechanism):
    job = private_job(base, {"mechanism": mechanism, "clipping_quantile": None})
    whole, parts = Run(tmp_path / "whole"), Run(tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        train(job, tiny_corpus, parts.path, callbacks=[StopAfter(7)])
    shutil.copytree(parts.path, whole.path)  # the same secret, and no round of it
    shutil.rmtree(whole.states)
    assert guarantee_of(parts.path).participation.rounds == 7
    for run in (parts, whole):
        train(job, tiny_corpus, run.path, resume=True, callbacks=[StopAfter(99)])
        assert guarantee_of(run.path).participation.rounds == 12
    for one, other in zip(whole.parameters("last"), parts.parameters("last"), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_private_training_that_is_killed_resumes_with_all_rounds_in_its_ledger(base, tiny_corpus, tmp_path):
    job, run = private_job(base), Run(tmp_path / "run")
    child = training_child(job, tiny_corpus, run.path)
    ledger = run.path / "privacy" / "ledger.jsonl"
    while child.is_alive() and (not ledger.exists() or len(ledger.read_bytes().splitlines()) < 6):
        time.sleep(0.01)
    time.sleep(random.Random(0).uniform(0, 0.1))
    workers = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    child.join()
    psutil.wait_procs(workers, timeout=120)
    spent = ledger.read_bytes()
    train(job, tiny_corpus, run.path, resume=True)
    assert ledger.read_bytes().startswith(spent[: spent.rindex(b"\n") + 1])
    assert guarantee_of(run.path).epsilon == pytest.approx(8.0)


def test_of_nine_users_no_word_and_no_ngram_is_published(uninterrupted, base):
    assert guarantee_of(uninterrupted.path).counts == ("words", "ngrams")
    assert uninterrupted.tokenizer().model == base.tokenizer().model
    assert uninterrupted.ngram().to_bytes() == base.ngram().to_bytes()


def test_the_result_is_the_last_model_whatever_validation_says(uninterrupted):
    for one, other in zip(uninterrupted.parameters("best"), uninterrupted.parameters("last"), strict=True):
        np.testing.assert_array_equal(one, other)
    result = uninterrupted.result()
    assert result.best_round == result.rounds == 12


def test_a_finished_private_run_can_be_resumed_and_stays_as_it_is(uninterrupted, base, tiny_corpus):
    before = uninterrupted.parameters("last")
    assert train(private_job(base), tiny_corpus, uninterrupted.path, resume=True).result().rounds == 12
    for one, other in zip(uninterrupted.parameters("last"), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("privacy", [{"epsilon": 9.0}, {"mechanism": "independent"}, {"clipping_norm": 0.1}])
def test_a_run_with_another_budget_is_not_resumed(uninterrupted, base, tiny_corpus, privacy):
    with pytest.raises(RunError, match="was started with another job"):
        train(private_job(base, privacy), tiny_corpus, uninterrupted.path, resume=True)


def test_a_run_whose_secret_is_lost_publishes_no_other_round(base, tiny_corpus, tmp_path):
    job, run = private_job(base), Run(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        train(job, tiny_corpus, run.path, callbacks=[StopAfter(5)])
    (run.path / "privacy" / "noise.seed").unlink()
    with pytest.raises(LedgerError, match="with other noise, something would be published twice"):
        train(job, tiny_corpus, run.path, resume=True)


def test_a_budget_that_cannot_work_is_refused_before_a_folder_is_written(base, tiny_corpus, tmp_path):
    with pytest.raises(JobError, match="one user among 9"):
        train(private_job(base, {"delta": 0.2}), tiny_corpus, tmp_path / "run")
    assert not (tmp_path / "run" / "job.json").exists()


@pytest.mark.parametrize("private", [True, False])
def test_only_the_computations_of_clients_read_messages(base, tiny_corpus, tmp_path, monkeypatch, private):
    as_client, read = [], 0
    read_client, read_messages = ClientSource.read, Corpus._messages

    def client(*args, **kwargs):
        as_client.append(True)
        try:
            return read_client(*args, **kwargs)
        finally:
            as_client.pop()

    def messages(*args):
        nonlocal read
        assert as_client, "messages are read outside of a client"
        read += 1
        return read_messages(*args)

    monkeypatch.setattr(ClientSource, "read", client)
    monkeypatch.setattr(Corpus, "_messages", messages)
    job = private_job(base, rounds=2)
    train(job if private else job.model_copy(update={"privacy": None}), tiny_corpus, tmp_path / "run")
    assert read > 9, "words, rounds, validation and n-grams"


def test_users_without_text_change_nothing_but_their_own_part(base, tmp_path):
    """A cohort in which nobody typed anything gets noise like every other."""
    records = [Record(f"user{number}", None, "see you at home" if number < 2 else " ") for number in range(9)]
    write_corpus(tmp_path / "c.sqlite", records, source="test", description="", synthetic=True)
    run = train(private_job(base, rounds=4), tmp_path / "c.sqlite", tmp_path / "run")
    assert run.result().rounds == 4
    assert all(np.isfinite(part).all() for part in run.parameters("last"))


def with_method(job: Job, method: str, **rounds: object) -> Job:
    personalization = {"method": method, "batch": 4, "window": 8, "history": {"mixing": "pitman_yor"}}
    federated = {"rounds": 4, "clients_per_round": 2, "max_windows": 4} | rounds
    return Job.model_validate(job.model_dump() | {"personalization": personalization | {"federated": federated}})


@pytest.mark.parametrize("method", ["ditto", "fed_per"])
def test_the_rounds_of_a_method_are_private_too(base, tiny_corpus, tmp_path, method):
    job = with_method(private_job(base, rounds=2), method)
    with pytest.raises(KeyboardInterrupt):
        train(job, tiny_corpus, tmp_path / "run", callbacks=[StopAfterStage("round 2 of 4")])
    run = train(job, tiny_corpus, tmp_path / "run", resume=True)
    guarantee = guarantee_of(run.path)
    assert (guarantee.method.rounds, guarantee.method.turns, guarantee.participation.rounds) == (4, 1, 2)
    assert guarantee.epsilon == pytest.approx(8.0)
    kept = next((run.path / "personal").glob("*/clients.sqlite")).read_bytes()
    evaluate(run.path, None, min_messages=1, most_users=9, on_clients=lambda done, total: None)
    assert next((run.path / "personal").glob("*/clients.sqlite")).read_bytes() == kept
    run.write_json("job.json", with_method(run.job(), method, rounds=5).model_dump(mode="json", exclude={"corpus"}))
    with pytest.raises(LedgerError, match="published twice"):
        evaluate(run.path, None, min_messages=1, most_users=9, on_clients=lambda done, total: None)


@pytest.mark.parametrize("private", [True, False])
def test_a_training_with_secure_sums_learns_as_much(uninterrupted, base, tiny_corpus, tmp_path, private):
    job = private_job(base, {"epsilon": 1e4}, secure_aggregation=True)
    run = train(job if private else job.model_copy(update={"privacy": None}), tiny_corpus, tmp_path / "run")
    losses = [float(row["loss"]) for row in run.read_rounds()]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


class StopAfterStage(Callback):
    def __init__(self, words: str) -> None:
        self._words = words

    def on_stage(self, stage: str) -> None:
        if self._words in stage:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("method", "rounds", "message"),
    [
        ("clustered", {}, "its clients send counts"),
        ("ditto", {"compressed": True}, "compressed = false"),
        ("ditto", {"sampling": "by_size"}, "sampling = "),
    ],
)
def test_rounds_that_cannot_be_private_are_refused_before_the_training(
    base, tiny_corpus, tmp_path, method, rounds, message
):
    with pytest.raises(JobError, match=message):
        train(with_method(private_job(base), method, **rounds), tiny_corpus, tmp_path / "run")
    assert not (tmp_path / "run" / "job.json").exists()
