"""A command line in this process, with a home folder of its own, and a small demo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.session_files import made_once
from thumbprint.cli.main import main
from thumbprint.pipeline.demo import Demo, DemoSize

DEMO_SIZE = DemoSize(users=12, min_messages=30, max_messages=40)


class Result(NamedTuple):
    """The exit code of a command, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The only line on stderr, for an error that the user can fix (exit code 2)."""
        assert self.code == 2
        (line,) = self.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new home folder for each test, so that no real keys are read and no real app folder is written to."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / ".config"))
    for name in ("THUMBPRINT_PUBLIC_KEY", "THUMBPRINT_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command line in this process."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: object) -> Result:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        return Result(code, *capsys.readouterr())

    return command


@pytest.fixture
def trusted(tiny_public_key: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes commands trust the key of the tiny bundle. Returns that key."""
    monkeypatch.setenv("THUMBPRINT_PUBLIC_KEY", str(tiny_public_key))
    return tiny_public_key


@pytest.fixture(scope="session")
def tiny_demo(tmp_path_factory: pytest.TempPathFactory, job_file: Path) -> Path:
    """The folder of a finished small demo. Read only."""
    from federated.job import load_job

    def make(folder: Path) -> None:
        Demo(folder / "demo", load_job(job_file), DEMO_SIZE).run()

    return made_once(tmp_path_factory, "demo", make) / "demo"
