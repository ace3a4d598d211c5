"""The kill loops run on the real program, and notice what it loses. Each in a process of its own, which forks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUN = ["-m", "benchmarks.kill"]
LOSING = """
import typer
from benchmarks.kill import __main__, phone
phone.perform = lambda phone, operation: None  # acknowledges what it did not do
typer.run(__main__.main)
"""


def killed(program: list[str], out: Path, bundle: Path, share: str) -> subprocess.CompletedProcess[str]:
    options = ["--kills", "4", "--service-share", share, "--out", str(out), "--bundle", str(bundle)]
    return subprocess.run([sys.executable, *program, *options], capture_output=True, text=True, timeout=300)


def test_nothing_acknowledged_is_lost(tmp_path: Path, tiny_bundle: Path) -> None:
    run = killed(RUN, tmp_path, tiny_bundle, "0.5")
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_phone_that_loses_what_it_acknowledged_is_noticed(tmp_path: Path, tiny_bundle: Path) -> None:
    run = killed(["-c", LOSING], tmp_path, tiny_bundle, "0")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "messages instead of" in run.stdout
    assert list(tmp_path.glob("violation-phone-*"))
