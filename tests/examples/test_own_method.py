"""A method of another package trains, exports and passes the parity test without an edit here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "own_method"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process in which the example package is installed beside this repository."""
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "own_method")  # building writes into it
    target = tmp_path_factory.mktemp("site")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, source], check=True)
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(target), str(REPOSITORY)))}


def test_it_passes_the_parity_test(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "tests/test_every_method.py"]
    done = subprocess.run(
        [*command, "-k", "fed_avg_adapter"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout  # pytest exits with 5 where no test has the name
