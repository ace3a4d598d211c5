"""The folds of a comparison: their splits, their folders, and which runs can be folds together."""

import pytest

from federated.job import DataConfig, Job
from federated.run import Run
from thumbprint.comparison.folds import CompareError, folds_of

JOB = Job(data=DataConfig(new_phone_share=0.2, validation_share=0.3))


def run_of(folder, **data):
    folder.mkdir()
    job = JOB.model_copy(update={"data": JOB.data.model_copy(update=data)})
    Run(folder).write_json("job.json", job.model_dump(mode="json"))
    return folder


def test_five_folds_are_five_jobs_that_differ_in_the_fold(tmp_path):
    folds = folds_of(JOB, tmp_path, 5)
    assert [fold.job.data for fold in folds] == [
        DataConfig(new_phone_share=0.2, validation_share=0.3, fold=fold) for fold in range(5)
    ]
    assert len({fold.run.path for fold in folds}) == 5


def test_one_fold_is_the_split_of_the_job_and_the_first_of_five_if_the_share_is_a_fifth(tmp_path):
    (only,) = folds_of(JOB, tmp_path, 1)
    assert only == folds_of(JOB, tmp_path, 5)[0]
    assert only.run.path != folds_of(JOB, tmp_path, 4)[0].run.path


def test_given_runs_are_the_folds(tmp_path):
    runs = [run_of(tmp_path / "a", fold=3), run_of(tmp_path / "b", fold=1)]
    assert [(fold.number, fold.run.path) for fold in folds_of(JOB, tmp_path, 5, runs)] == [(3, runs[0]), (1, runs[1])]


def test_a_preview_trains_shorter_in_a_folder_of_its_own_but_no_longer_than_the_job(tmp_path):
    (whole,), (short,) = folds_of(JOB, tmp_path, 1), folds_of(JOB, tmp_path, 1, shared_rounds=7)
    assert (whole.job.training.rounds, short.job.training.rounds) == (JOB.training.rounds, 7)
    assert whole.run.path != short.run.path and whole.job.data == short.job.data
    assert folds_of(JOB, tmp_path, 1, shared_rounds=JOB.training.rounds + 1) == [whole]
    run = run_of(tmp_path / "given")
    assert folds_of(JOB, tmp_path, 1, [run], shared_rounds=7)[0].job == JOB


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"fold": 0}, "have the same fold"),
        ({"fold": 1, "train_share": 0.5}, "split the users differently"),
    ],
)
def test_rejects_runs_that_are_not_folds_of_one_split(tmp_path, other, message):
    runs = [run_of(tmp_path / "a"), run_of(tmp_path / "b", **other)]
    with pytest.raises(CompareError, match=message):
        folds_of(JOB, tmp_path, 2, runs)
