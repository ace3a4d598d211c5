"""The demo runs each step once, repeats what is missing or depends on a change, and labels its results."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from device_runtime.simulation.report import load_report
from federated.corpus.store import Corpus
from federated.job import Job, load_job
from keyboard_model import base_en
from tests.thumbprint.conftest import DEMO_SIZE
from thumbprint.pipeline.demo import Demo, demo_job

STEPS = ("messages", "training", "export", "phones")


@pytest.fixture(scope="module")
def job(job_file: Path) -> Job:
    return load_job(job_file)


@pytest.fixture
def out(tiny_demo: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_demo, tmp_path / "demo")


@pytest.fixture
def run_again(out: Path, job: Job) -> Callable[..., list[str]]:
    """Runs the demo again on a copy. Returns the steps that it repeated."""

    def run(job: Job = job) -> list[str]:
        lines: list[str] = []
        Demo(out, job, DEMO_SIZE, on_step=lines.append).run()
        assert tuple(line.split(":")[0] for line in lines) == STEPS
        return [line.split(":")[0] for line in lines if "unchanged" not in line]

    return run


def test_writes_report_page_bundle_picture_and_keys(tiny_demo):
    for name in ("report.json", "report.html", "demo.bundle", "gain.png"):
        assert (tiny_demo / name).stat().st_size
    report = load_report(tiny_demo / "report.json")
    assert report.synthetic
    with Corpus.open(tiny_demo / "corpus.sqlite") as corpus:
        assert report.corpus.id == corpus.corpus_id
        assert len(report.clients) == round(0.2 * corpus.num_users)  # only the new phones
    assert (tiny_demo / "keys" / "thumbprint_private.pem").stat().st_mode & 0o777 == 0o600


def test_repeats_no_finished_step(run_again):
    assert run_again() == []


def test_repeats_damaged_steps_and_those_whose_inputs_changed(out, run_again):
    before = (out / "demo.bundle").read_bytes()
    (out / "demo.bundle").write_bytes(b"?")
    (out / "gain.png").unlink()
    assert run_again() == ["export", "phones"]
    assert (out / "demo.bundle").read_bytes() == before
    assert (out / "gain.png").exists()


def test_repeats_every_step_for_another_job_and_continues_its_interrupted_training(out, run_again, job):
    other = job.model_copy(update={"seed": 1})
    lines: list[str] = []

    class InterruptedDemo(Demo):
        def _train_model(self, begun: bool) -> None:
            super()._train_model(begun)
            raise KeyboardInterrupt  # after the last round, before the step is recorded as finished

    with pytest.raises(KeyboardInterrupt):
        InterruptedDemo(out, other, DEMO_SIZE, on_step=lines.append).run()
    (messages,) = lines
    assert messages.startswith("messages: ") and "unchanged" not in messages
    assert json.loads((out / "train" / "job.json").read_text())["seed"] == 1
    rounds = (out / "train" / "rounds.csv").read_bytes()
    assert run_again(other) == ["training", "export", "phones"]
    assert (out / "train" / "rounds.csv").read_bytes() == rounds  # resumed, with no round left


def test_the_package_contains_the_demo_job():
    assert demo_job().name == "demo"
    assert demo_job().training.start == base_en.BASE
