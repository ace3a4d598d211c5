"""The scripts in `examples/` run as their docstrings say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_phone_suggests_its_users_word_after_learning(tiny_bundle, tiny_public_key):
    done = subprocess.run(
        [sys.executable, "examples/phone.py", str(tiny_bundle), str(tiny_public_key)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "allotment" in done.stdout.splitlines()[-1]
