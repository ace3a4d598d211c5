import shutil
from typing import NamedTuple

import pytest

from tests.support.session_files import made_once
from thumbprint.cli.main import main


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def mistake(self):
        """The line that a user's mistake must have ended in: alone, on stderr, with exit code 2."""
        assert self.code == 2
        (line,) = self.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of its own for each test: nobody's keys are found, and nobody's app folder is written to."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / ".config"))
    for name in ("THUMBPRINT_PUBLIC_KEY", "THUMBPRINT_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs the command line in this process."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments):
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        return Result(code, *capsys.readouterr())

    return command


@pytest.fixture
def trusted(tiny_public_key, monkeypatch):
    """The tiny bundle's key is the one trusted."""
    monkeypatch.setenv("THUMBPRINT_PUBLIC_KEY", str(tiny_public_key))
    return tiny_public_key


JOB = """
name = "tiny"
[tokenizer]
vocab_size = 400
[model]
embedding = 8
cells = 8
adapter_rank = 2
[training]
rounds = 2
clients_per_round = 4
batch = 4
window = 8
max_windows = 8
evaluate_every = 1
checkpoint_every = 1
[personalization]
steps = 1
batch = 4
window = 8
"""


@pytest.fixture(scope="session")
def job_file(tmp_path_factory):
    """A training job of seconds."""
    path = tmp_path_factory.mktemp("job") / "tiny.toml"
    path.write_text(JOB)
    return path


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, job_file, tiny_corpus):
    """A finished run of `job_file` on the synthetic corpus; to be read only."""
    from federated.job import load_job
    from federated.training.train_run import train

    def make(folder):
        train(load_job(job_file), tiny_corpus, folder / "tiny")

    made = made_once(tmp_path_factory, "run", make) / "tiny"
    return shutil.copytree(made, tmp_path_factory.mktemp("runs") / "tiny")  # commands lock the run that they read
