"""The scripts in `examples/` run as their docstrings say."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

from tests.support.api.process import running
from tests.support.tiny_job import TINY_JOB

ROOT = Path(__file__).parents[2]


def output_of(script: str, *arguments: object) -> str:
    """Returns what `examples/<script>` prints; fails with its errors if it does not end well."""
    done = subprocess.run(
        [sys.executable, f"examples/{script}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_workflow_runs_from_training_to_simulated_phones(tmp_path, monkeypatch, capsys):
    """Runs in this process, because another one would import TensorFlow Federated again."""
    job, script = tmp_path / "job.toml", str(ROOT / "examples" / "train_and_personalize.py")
    job.write_text(TINY_JOB + "federated.rounds = 1\n")
    monkeypatch.setattr(sys, "argv", [script, str(tmp_path / "out"), str(job), "12"])
    runpy.run_path(script, run_name="__mp_main__")  # as in each process that the simulation starts
    assert not (tmp_path / "out").exists()

    runpy.run_path(script, run_name="__main__")
    printed = capsys.readouterr().out

    assert "ditto new_phones" in printed
    assert "recall@3 of the personal model, mean over users: " in printed.splitlines()[-1]


def test_a_phone_suggests_its_users_word_after_learning(tiny_bundle, tiny_public_key):
    printed = output_of("phone.py", tiny_bundle, tiny_public_key)

    assert "allotment" in printed.splitlines()[-1]


def test_each_device_of_a_served_fleet_suggests_its_own_word(tiny_bundle, tiny_public_key, tmp_path):
    with running(tiny_bundle, tiny_public_key, tmp_path / "data", tmp_path / "log") as service:
        printed = output_of("served_fleet.py", str(service.client.base_url))

    ann, bob = printed.splitlines()
    assert "allotment" in ann and "harbour" not in ann
    assert "harbour" in bob and "allotment" not in bob
