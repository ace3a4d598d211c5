import json
import shutil

import pytest

from device_runtime.simulation.report import load_report
from federated.corpus.store import Corpus
from federated.job import load_job
from thumbprint.cli.views.demo import demo_view, where_to_look
from thumbprint.console.terminal import output
from thumbprint.pipeline.demo import Demo, DemoSize, demo_job

SIZE = DemoSize(users=12, fewest=30, most=40)
STEPS = ("messages", "training", "export", "phones")


@pytest.fixture(scope="module")
def job(job_file):
    return load_job(job_file)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, job):
    """A whole demo in small; to be read only."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    Demo(out, lambda line: None, job, SIZE).run()
    return out


@pytest.fixture
def out(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "demo")


@pytest.fixture
def again(out, job):
    """Runs it once more on a copy; gives the steps that were done."""

    def run(job=job):
        said = []
        Demo(out, said.append, job, SIZE).run()
        assert tuple(line.split(":")[0] for line in said) == STEPS
        return [line.split(":")[0] for line in said if "unchanged" not in line]

    return run


def test_it_leaves_all_that_a_newcomer_looks_for(finished):
    for name in ("report.json", "report.html", "demo.bundle", "gain.png"):
        assert (finished / name).stat().st_size
    report = load_report(finished / "report.json")
    assert report.synthetic
    with Corpus.open(finished / "corpus.sqlite") as corpus:
        assert report.corpus.id == corpus.corpus_id
        assert len(report.clients) == round(0.2 * corpus.num_users)  # the new phones alone
    assert (finished / "keys" / "thumbprint_private.pem").stat().st_mode & 0o777 == 0o600


def test_the_end_is_labelled(finished, job, capsys):
    report, examples = Demo(finished, lambda line: None, job, SIZE).run()
    output().print(demo_view(report, examples))
    shown = capsys.readouterr().out
    assert shown.count("SYNTHETIC") >= 2
    assert all(example.typed in shown for example in examples.items)
    told = where_to_look(finished, report)
    assert told.startswith("SYNTHETIC")
    assert str(finished / "gain.png") in told


def test_run_again_it_does_nothing(again):
    assert again() == []


def test_what_is_damaged_is_made_again_and_what_hangs_on_it_only_if_it_differs(out, again):
    before = (out / "demo.bundle").read_bytes()
    (out / "demo.bundle").write_bytes(b"?")
    (out / "gain.png").unlink()
    assert again() == ["export", "phones"]
    assert (out / "demo.bundle").read_bytes() == before
    assert (out / "gain.png").exists()


def test_another_job_is_trained_anew(out, again, job):
    other = job.model_copy(update={"seed": 1})
    assert again(other) == list(STEPS)
    assert json.loads((out / "train" / "job.json").read_text())["seed"] == 1


def test_a_training_broken_off_is_gone_on_with(tmp_path, job):
    out = tmp_path / "demo"
    said = []

    class Interrupted(Demo):
        def _learn(self, begun):
            super()._learn(begun)
            raise KeyboardInterrupt  # after the last round, before it is known to be done

    with pytest.raises(KeyboardInterrupt):
        Interrupted(out, said.append, job, SIZE).run()
    rounds = (out / "train" / "rounds.csv").read_bytes()
    Demo(out, said.append, job, SIZE).run()
    assert (out / "train" / "rounds.csv").read_bytes() == rounds  # resumed: there was no round left
    assert "unchanged" in said[1]


def test_the_job_that_comes_with_the_program():
    assert demo_job().name == "demo"
