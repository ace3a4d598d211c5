"""A method of another package is tuned, compared and exported, and passes the parity test, without an edit here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ci import IN_CI

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "own_method"
METHOD = "fed_avg_adapter"

COMPARE = """
import json
import sys
from dataclasses import replace
from pathlib import Path

from federated.job import load_job
from thumbprint.comparison.compare import compare
from thumbprint.comparison.results import QUICK

if __name__ == "__main__":
    job, corpus, run, out = map(Path, sys.argv[1:5])
    budget = replace(QUICK, trials=1, tuning_rounds=1, rounds=1, seen_users=1, beside=False)
    options = {"methods": sys.argv[5:], "budget": budget, "min_messages": 5, "runs": [run], "at_once": 1}
    comparison = compare(load_job(job), corpus, out, **options)
    print(json.dumps({method.name: [method.trials, len(method.clients)] for method in comparison.methods}))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process in which the example package is installed beside this repository."""
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "own_method")  # the build writes into it
    target = tmp_path_factory.mktemp("site")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, source], check=True)
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(target), str(REPOSITORY)))}


def run(environment: dict[str, str], *arguments: object) -> str:
    """Runs Python with these arguments. Returns its output; fails with it if Python does not succeed."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_passes_the_parity_test(environment: dict[str, str]) -> None:
    # pytest exits with 5 if no test has the name
    run(environment, "-m", "pytest", "-q", "-p", "no:xdist", "tests/parity/test_every_method.py", "-k", METHOD)


@pytest.mark.skipif(not IN_CI, reason="imports TensorFlow in two more processes, minutes: in CI only")
def test_it_is_tuned_and_compared(
    environment: dict[str, str], job_file: Path, tiny_corpus: Path, tiny_run: Path, tmp_path: Path
) -> None:
    script, out = tmp_path / "compare.py", tmp_path / "comparison"
    script.write_text(COMPARE)
    printed = run(environment, script, job_file, tiny_corpus, tiny_run, out, METHOD)
    measured = json.loads(printed.splitlines()[-1])
    assert set(measured) == {"global_only", METHOD}
    trials, clients = measured[METHOD]
    assert trials == 1
    assert clients == measured["global_only"][1] > 0
    assert list(out.rglob(f"{METHOD}-*.bundle"))
