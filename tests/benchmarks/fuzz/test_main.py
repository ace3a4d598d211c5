"""The command runs every target on the real program, in a process of its own, from which its children are forked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TARGETS = {
    *("bundles", "signed-parts", "signed-models", "adapters", "corpora", "http"),
    *("source-databases", "phone-histories", "corpus-files", "service-databases", "texts"),
}


def test_every_target_gets_its_inputs_and_the_summary_counts_them(tmp_path: Path, tiny_bundle: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.fuzz", "--cases", "2", "--minutes", "5", "--out", str(tmp_path)]
    run = subprocess.run([*command, "--bundle", str(tiny_bundle)], capture_output=True, text=True, timeout=300)
    tallies = json.loads((tmp_path / "state.json").read_text())["targets"]
    assert {name: tally["cases"] for name, tally in tallies.items()} == dict.fromkeys(TARGETS, 2)
    assert "22" in run.stdout and all(name in run.stdout for name in TARGETS)
    assert run.returncode == bool(list(tmp_path.glob("*/finding.json"))), run.stdout + run.stderr
