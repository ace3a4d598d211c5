"""A run begun, refused, resumed; what lies on disk when something goes wrong."""

import shutil
from pathlib import Path

import pytest

from federated.corpus.schema import CorpusError, Record
from federated.corpus.store import write_corpus
from federated.job import RoundsConfig
from federated.run import Run, RunError
from federated.training.callbacks.progress import ReportProgress
from federated.training.train_run import train
from keyboard_model.text.tokenizer import TokenizerError
from tests.support.federated.runs import tiny_job, training_child

JOB = tiny_job(rounds=1)


@pytest.fixture(scope="module")
def finished(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("finished") / "run")
    stages, rounds = [], []
    train(JOB, tiny_corpus, run.path, callbacks=[ReportProgress(stage=stages.append, round=rounds.append)])
    assert stages == ["vocabulary", "graph", *(f"counting n-grams, {done} of 9 users" for done in (0, 9))]
    assert [report.round for report in rounds] == [1]
    return run


def corpus_of(path: Path, *texts: str) -> Path:
    write_corpus(path, [Record("only", None, text) for text in texts], source="test", description="", synthetic=True)
    return path


def test_a_finished_run_says_what_it_was_made_of(finished, tiny_corpus):
    about = finished.read_json("corpus.json")
    assert about["synthetic"] is True and about["path"] == str(tiny_corpus)
    assert finished.job() == JOB
    assert finished.parameters("best").embedding.shape == (len(finished.tokenizer()), 8)


def test_a_fair_job_trains_other_weights(finished, tiny_corpus, tmp_path):
    run = Run(tmp_path / "run")
    ended = train(tiny_job(rounds=1, fairness_q=5.0), tiny_corpus, run.path).result()
    assert ended.broken_clients == 0
    plain, fair = (made.parameters("last").embedding for made in (finished, run))
    assert 1e-5 < abs(fair - plain).max() < 1


def test_a_folder_that_holds_a_run_is_not_trained_over(finished, tiny_corpus):
    with pytest.raises(RunError, match="--resume"):
        train(JOB, tiny_corpus, finished.path)


def test_the_ngrams_are_those_of_several_and_every_context_sums_to_one(finished):
    table, vocab = finished.ngram(), len(finished.tokenizer())
    assert table.vocab == vocab and len(table.trigrams.pieces) > 50
    for context in table.trigrams.contexts[:20].tolist():
        assert table.distribution(*divmod(context, vocab)).sum() == pytest.approx(1, abs=1e-5)


def test_missing_ngrams_are_counted_again_and_others_are_another_job(finished, tiny_corpus, tmp_path):
    run = Run(shutil.copytree(finished.path, tmp_path / "run"))
    (run.path / "ngram.safetensors").unlink()
    (run.path / "summary.json").unlink()

    def with_ngrams(**changes):
        job = JOB.model_copy(update={"ngram": JOB.ngram.model_copy(update=changes)})
        train(job, tiny_corpus, run.path, resume=True)

    with pytest.raises(RunError, match="another job"):
        with_ngrams(min_clients=3)
    with_ngrams(weight=0.0)
    assert not run.has_ngram() and run.read_json("summary.json")["rounds"] == 1
    with_ngrams(weight=0.1)
    assert run.ngram().to_bytes() == finished.ngram().to_bytes()


def test_another_job_is_not_resumed(finished, tiny_corpus):
    with pytest.raises(RunError, match="another job"):
        train(tiny_job(rounds=2), tiny_corpus, finished.path, resume=True)


def test_another_corpus_is_not_resumed(finished, tmp_path):
    with pytest.raises(RunError, match="another corpus"):
        train(JOB, corpus_of(tmp_path / "other.sqlite", "see you"), finished.path, resume=True)


def test_a_corpus_without_a_word_trains_nothing(tmp_path):
    with pytest.raises(TokenizerError, match="no words"):
        train(JOB, corpus_of(tmp_path / "c.sqlite", "...", "<#>", "!"), tmp_path / "run")


def test_a_corpus_of_one_person_shares_no_word(tmp_path):
    with pytest.raises(TokenizerError, match="no word that enough clients share"):
        train(JOB, corpus_of(tmp_path / "c.sqlite", "see you", "see you"), tmp_path / "run")


def test_nobody_left_to_train_on(tmp_path):
    job = JOB.model_copy(update={"data": JOB.data.model_copy(update={"new_phone_share": 0.9})})
    with pytest.raises(RunError, match="no user is left"):
        train(job, corpus_of(tmp_path / "c.sqlite", "see you"), tmp_path / "run")


def test_no_corpus(tmp_path):
    with pytest.raises(CorpusError, match="does not exist"):
        train(JOB, tmp_path / "none.sqlite", tmp_path / "run")


def test_a_full_disk_leaves_no_half_file_and_the_run_goes_on_when_there_is_room(tiny_corpus, tmp_path):
    """The tokenizer (6 KB) does not fit: the disk is full before it, and a child that trains says so."""
    run = Run(tmp_path / "run")
    child = training_child(JOB, tiny_corpus, run.path, largest_file=3000)
    child.join()
    assert child.exitcode == 1
    assert {path.name for path in run.path.iterdir()} == {".lock", "corpus.json", "job.json"}
    train(JOB, tiny_corpus, run.path, resume=True)
    assert run.parameters("best").embedding.shape[1] == 8


def test_an_empty_and_a_one_message_user_and_a_user_of_marks_train_along(tmp_path):
    people = {
        "a": ["see you soon"] * 9,
        "b": ["see you later"] * 9,
        "c": ["see you"],
        "d": ["..."],
        "e": ["😀 <#>"] * 3,
        "f": [""],
    }
    records = [Record(name, None, text) for name, texts in people.items() for text in texts]
    write_corpus(tmp_path / "c.sqlite", records, source="test", description="", synthetic=True)
    job = JOB.model_copy(
        update={
            "data": JOB.data.model_copy(update={"new_phone_share": 0.0, "validation_share": 0.0}),
            "training": JOB.training.model_copy(update={"clients_per_round": 10}),
        }
    )
    reports = []
    watched = [ReportProgress(round=reports.append)]
    outcome = train(job, tmp_path / "c.sqlite", tmp_path / "run", callbacks=watched).result()
    assert (outcome.rounds, outcome.broken_clients, reports[0].dropped) == (1, 0, 0)
    assert reports[0].targets > 0


def test_another_personalization_is_taken_up_on_the_same_model(finished, tiny_corpus, tmp_path):
    run = Run(shutil.copytree(finished.path, tmp_path / "run"))
    before = (run.path / "best.safetensors").read_bytes()
    config = JOB.personalization.model_copy(update={"method": "ditto", "federated": RoundsConfig(rounds=2)})
    other = JOB.model_copy(update={"personalization": config})
    stages: list[str] = []
    train(other, tiny_corpus, run.path, resume=True, callbacks=[ReportProgress(stage=stages.append)])
    assert run.job().personalization.method == "ditto"
    assert (run.path / "best.safetensors").read_bytes() == before
    assert any(stage.startswith("Ditto: round 2 of 2") for stage in stages)
    assert list((run.path / "personal").glob("ditto-*/clients.sqlite"))
