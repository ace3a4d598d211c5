"""The folder of a run: what is written can be read, damage is reported, and one process at a time can lock it."""

from pathlib import Path

import numpy as np
import pytest

from federated.job import Job
from federated.run import Run, RunError
from keyboard_model.model import cifg_lstm
from keyboard_model.ngram.table import NgramTable


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_reads_the_written_parameters(run):
    shared = cifg_lstm.init(20, 4, 6, seed=0)
    run.write_parameters("best", shared, round="3")
    for one, other in zip(run.parameters("best"), shared, strict=True):
        np.testing.assert_array_equal(one, other)


def test_reads_the_written_job(run):
    run.write_json("job.json", Job(seed=3).model_dump(mode="json", exclude={"corpus"}))
    assert run.exists() and run.job() == Job(seed=3)


def test_reads_the_written_ngrams(run):
    assert not run.has_ngram()
    run.write_ngram(NgramTable.empty(20))
    assert run.has_ngram() and run.ngram().to_bytes() == NgramTable.empty(20).to_bytes()


@pytest.mark.parametrize("cut", [0, 7, -1])
def test_reports_damaged_ngrams(run, cut):
    (run.path / "ngram.safetensors").write_bytes(NgramTable.empty(20).to_bytes()[:cut])
    with pytest.raises(RunError, match=r"ngram\.safetensors is damaged.*--resume"):
        run.ngram()


@pytest.mark.parametrize("read", [Run.job, Run.tokenizer, Run.parameters, Run.ngram])
def test_an_empty_folder_needs_a_training_first(run, read):
    assert not run.exists()
    with pytest.raises(RunError, match="run `thumbprint train"):
        read(run)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"seed": -1}', b'{"unknown": 1}', b"[]"])
def test_reports_a_damaged_job(run, content):
    (run.path / "job.json").write_bytes(content)
    with pytest.raises(RunError, match=r"job\.json is damaged"):
        run.job()


@pytest.mark.parametrize("cut", [0, 7, 100, -1])
def test_reports_a_damaged_model(run, cut):
    run.write_parameters("best", cifg_lstm.init(20, 4, 6, seed=0))
    path = run.path / "best.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RunError, match=r"best\.safetensors is damaged"):
        run.parameters()


def test_reports_a_model_with_other_tensors(run):
    import safetensors.numpy

    (run.path / "best.safetensors").write_bytes(safetensors.numpy.save({"other": np.zeros(2, np.float32)}))
    with pytest.raises(RunError, match="damaged"):
        run.parameters()


def test_a_run_can_be_locked_once_at_a_time(run):
    with run.locked(), pytest.raises(RunError, match="another process"), Run(run.path).locked():
        pass
    with run.locked():
        pass


def test_cannot_lock_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write to"), Run(tmp_path / "file").locked():
        pass


def test_cannot_lock_a_folder_that_cannot_be_created():
    with pytest.raises(RunError, match="cannot write to /proc/run"), Run(Path("/proc/run")).locked():
        pass
