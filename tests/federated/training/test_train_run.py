"""A whole training run: what it writes, which runs are refused, and how a run continues after an error."""

import resource
import shutil
from pathlib import Path

import pytest

from federated.corpus.schema import CorpusError, Record
from federated.corpus.writer import write_corpus
from federated.job import JobError, PersonalizationConfig, RoundsConfig
from federated.run import Run, RunError
from federated.training.callbacks.round_reports import ReportProgress
from federated.training.train_run import train
from keyboard_model.text.tokenizer import TokenizerError
from tests.support.federated.runs import tiny_job

JOB = tiny_job(rounds=1)


@pytest.fixture(scope="module")
def finished(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("finished") / "run")
    stages, rounds = [], []
    train(JOB, tiny_corpus, run.path, callbacks=[ReportProgress(stage=stages.append, round=rounds.append)])
    assert stages == [
        "vocabulary",
        "counting words, 9 of 9 users",
        "graph",
        *(f"counting n-grams, {done} of 9 users" for done in (0, 9)),
    ]
    assert [report.round for report in rounds] == [1]
    return run


def test_a_separation_that_the_corpus_does_not_allow_is_refused_before_a_folder_is_written(tiny_corpus, tmp_path):
    for job in (
        tiny_job(sampling="uniform", min_separation=3, over_selection=0.1),  # 3 + 1 of 9 users
        JOB.model_copy(
            update={"personalization": own_rounds(sampling="uniform", clients_per_round=4, min_separation=3)}
        ),
    ):
        with pytest.raises(JobError, match="needs 12 users in training, and there are 9: set it to 2 or less"):
            train(job, tiny_corpus, tmp_path / "run")
    assert not (tmp_path / "run" / "job.json").exists()


def own_rounds(**settings: object) -> PersonalizationConfig:
    return PersonalizationConfig.model_validate({"federated": settings})


def test_a_training_ends_when_nobody_has_a_turn_left(finished, tiny_corpus, tmp_path):
    (tmp_path / "run").mkdir()
    shutil.copy(finished.path / "tokenizer.model", tmp_path / "run")
    job = tiny_job(rounds=12, sampling="uniform", max_turns=1)
    result = train(job, tiny_corpus, tmp_path / "run").result()
    assert (result.stopped_by, result.rounds, result.participants, result.most_turns) == ("max_turns", 3, 9, 1)


def corpus_of(path: Path, *texts: str) -> Path:
    write_corpus(path, [Record("only", None, text) for text in texts], source="test", description="", synthetic=True)
    return path


def test_a_finished_run_has_its_job_corpus_and_models(finished, tiny_corpus):
    about = finished.read_json("corpus.json")
    assert about["synthetic"] is True and about["path"] == str(tiny_corpus)
    assert finished.job() == JOB
    assert finished.parameters("best").embedding.shape == (len(finished.tokenizer()), 8)


def test_a_fair_job_trains_other_weights(finished, tiny_corpus, tmp_path):
    run = Run(tmp_path / "run")
    ended = train(tiny_job(rounds=1, fairness_q=5.0), tiny_corpus, run.path).result()
    assert ended.broken_clients == 0
    plain, fair = (some.parameters("last").embedding for some in (finished, run))
    assert 1e-5 < abs(fair - plain).max() < 1


def test_rejects_a_folder_with_a_run_without_resume(finished, tiny_corpus):
    with pytest.raises(RunError, match=r"already contains a run.*--resume"):
        train(JOB, tiny_corpus, finished.path)


def test_the_distributions_of_the_ngrams_sum_to_one(finished):
    table, vocab = finished.ngram(), len(finished.tokenizer())
    assert table.vocab == vocab and len(table.trigrams.pieces) > 50
    for context in table.trigrams.contexts[:20].tolist():
        assert table.distribution(*divmod(context, vocab)).sum() == pytest.approx(1, abs=1e-5)


def test_resuming_counts_missing_ngrams_again_and_rejects_other_settings(finished, tiny_corpus, tmp_path):
    run = Run(shutil.copytree(finished.path, tmp_path / "run"))
    (run.path / "ngram.safetensors").unlink()
    (run.path / "summary.json").unlink()

    def with_ngrams(**changes):
        job = JOB.model_copy(update={"ngram": JOB.ngram.model_copy(update=changes)})
        train(job, tiny_corpus, run.path, resume=True)

    with pytest.raises(RunError, match="another job"):
        with_ngrams(min_clients=3)
    run.ngram_sums.mkdir()  # as a run leaves them that is killed while it counts
    run.word_count.write_bytes(b"")
    with_ngrams(weight=0.0)
    assert not run.has_ngram() and run.read_json("summary.json")["rounds"] == 1
    assert not run.ngram_sums.exists() and not run.word_count.exists()
    with_ngrams(weight=0.1)
    assert run.ngram().to_bytes() == finished.ngram().to_bytes() and not run.ngram_sums.exists()


def test_rejects_resuming_with_another_job(finished, tiny_corpus):
    with pytest.raises(RunError, match="another job"):
        train(tiny_job(rounds=2), tiny_corpus, finished.path, resume=True)


def test_a_run_with_the_earlier_default_of_the_weight_cap_can_be_resumed(finished, tiny_corpus, tmp_path):
    """2000 was never reached, as `None` is not; 3 is another setting."""
    run = Run(shutil.copytree(finished.path, tmp_path / "run"))
    run.write_json("job.json", tiny_job(rounds=1, weight_cap=2000.0).model_dump(mode="json", exclude={"corpus"}))
    train(JOB, tiny_corpus, run.path, resume=True)
    with pytest.raises(RunError, match="another job"):
        train(tiny_job(rounds=1, weight_cap=3.0), tiny_corpus, run.path, resume=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {"base": 1}}, "options of thumbprint: base"),
        ({"method": "multi_task", "federated": RoundsConfig(fairness_q=1.0)}, "q-FedAvg does not apply"),
    ],
)
def test_rejects_an_unusable_personalization_before_the_training(tmp_path, changes, message):
    job = JOB.model_copy(update={"personalization": JOB.personalization.model_copy(update=changes)})
    with pytest.raises(JobError, match=message):
        train(job, tmp_path / "none.sqlite", tmp_path / "run")


def test_rejects_resuming_with_another_corpus(finished, tmp_path):
    with pytest.raises(RunError, match="another corpus"):
        train(JOB, corpus_of(tmp_path / "other.sqlite", "see you"), finished.path, resume=True)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("...", "<#>", "!"), "no words"),
        (("see you", "see you"), "no word that enough clients share"),
    ],
    ids=["no words", "one user"],
)
def test_rejects_a_corpus_without_shared_words(tmp_path, texts, message):
    with pytest.raises(TokenizerError, match=message):
        train(JOB, corpus_of(tmp_path / "c.sqlite", *texts), tmp_path / "run")


def test_rejects_shares_that_leave_no_training_user(tmp_path):
    job = JOB.model_copy(update={"data": JOB.data.model_copy(update={"new_phone_share": 0.9})})
    with pytest.raises(RunError, match="no user is left"):
        train(job, corpus_of(tmp_path / "c.sqlite", "see you"), tmp_path / "run")


def test_rejects_a_missing_corpus(tmp_path):
    with pytest.raises(CorpusError, match="does not exist"):
        train(JOB, tmp_path / "none.sqlite", tmp_path / "run")


def test_a_full_disk_leaves_no_partial_file_and_the_run_can_be_resumed(tiny_corpus, tmp_path):
    """The tokenizer (6 KB) exceeds the size limit of files: the write fails as on a full disk."""
    run, limits = Run(tmp_path / "run"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            train(JOB, tiny_corpus, run.path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name for path in run.path.iterdir()} == {".lock", "corpus.json", "job.json"}
    train(JOB, tiny_corpus, run.path, resume=True)
    assert run.parameters("best").embedding.shape[1] == 8


def test_trains_with_users_who_typed_almost_nothing(tmp_path):
    texts_by_user = {
        "a": ["see you soon"] * 9,
        "b": ["see you later"] * 9,
        "c": ["see you"],
        "d": ["..."],
        "e": ["😀 <#>"] * 3,
        "f": [""],
    }
    records = [Record(name, None, text) for name, texts in texts_by_user.items() for text in texts]
    write_corpus(tmp_path / "c.sqlite", records, source="test", description="", synthetic=True)
    job = JOB.model_copy(
        update={
            "data": JOB.data.model_copy(update={"new_phone_share": 0.0, "validation_share": 0.0}),
            "training": JOB.training.model_copy(update={"clients_per_round": 10}),
        }
    )
    reports = []
    progress = ReportProgress(round=reports.append)
    outcome = train(job, tmp_path / "c.sqlite", tmp_path / "run", callbacks=[progress]).result()
    assert (outcome.rounds, outcome.broken_clients, reports[0].dropped) == (1, 0, 0)
    assert reports[0].targets > 0


def test_resuming_can_train_another_method_on_the_same_shared_model(finished, tiny_corpus, tmp_path):
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
