"""Killed at any instant, a phone opens again with every message it acknowledged and a whole adapter."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from device_runtime.engine import Engine
from device_runtime.phone import Phone
from tests.device_runtime.bundle_parts import SURE

PROGRAM = """
import os, sys
from device_runtime.bundle import load_bundle
from device_runtime.engine import Engine
from device_runtime.phone import Phone
bundle, key, folder = sys.argv[1:]
phone = Phone.open(folder, Engine(load_bundle(bundle, key)))
number = phone.messages
while True:
    for _ in range(5):
        phone.observe(f"see you at home number {number}")
        number += 1
        os.write(1, f"{number}\\n".encode())
    phone.adapt()
    os.write(1, b"adapted\\n")
"""


def test_killed_in_the_midst(tmp_path: Path, rebuilt: Callable[..., Engine], own_keys: tuple[Path, Path]) -> None:
    engine = rebuilt(SURE)
    folder, chance = tmp_path / "phone", random.Random(0)
    adapted = 0
    for _ in range(4):
        acknowledged, adaptations = run_and_kill(engine.bundle.path, own_keys[1], folder, chance.uniform(0.1, 0.6))
        adapted += adaptations
        with Phone.open(folder, engine) as phone:
            assert phone.notes == ()
            texts = [entry.text for entry in phone._history.messages()]
            assert texts == [f"see you at home number {i}" for i in range(len(texts))]
            assert len(texts) in (acknowledged, acknowledged + 1)
            assert phone.words == 6 * len(texts)
            assert phone.adapter.is_finite()
            assert np.any(phone.adapter.bias) or not adapted
            leftovers = {path.name.split(".")[0] for path in folder.iterdir()}
            assert leftovers <= {"history", "adapter", "previous", "state"}
            assert len(phone.predict("see")) == 3
    assert adapted


def run_and_kill(bundle: Path, key: Path, folder: Path, seconds: float) -> tuple[int, int]:
    """Lets a phone work in a process of its own and kills it. Returns the last message's number, and adaptations."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(bundle), str(key), str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline()]  # it works
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    numbers = [int(line) for line in lines if line.strip().isdigit()]
    return numbers[-1], lines.count("adapted\n")
