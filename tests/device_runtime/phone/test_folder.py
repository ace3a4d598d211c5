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

from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from tests.support.device_runtime.bundle_parts import SURE

STORE = {"history.sqlite", "history.sqlite-wal", "history.sqlite-shm"}
PROGRAM = """
import os, sys
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
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
            texts = [message["text"] for message in phone.export()["messages"]]
            assert texts == [f"see you at home number {i}" for i in range(len(texts))]
            assert len(texts) in (acknowledged, acknowledged + 1)
            assert phone.words == 6 * len(texts)
            assert phone.adapter.is_finite()
            assert np.any(phone.adapter.bias) or not adapted
            adapters = {f"adapter-{entry.id}.safetensors" for entry in phone.adaptations() if entry.stored}
            assert {path.name for path in folder.iterdir()} == STORE | adapters
            assert len(phone.predict("see")) == 3
    assert adapted


FORGETTING = """
import os, sys
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
bundle, key, folder = sys.argv[1:]
phone = Phone.open(folder, Engine(load_bundle(bundle, key)))
phone.observe_many(["see you at home", "meet Zorblatt there"] * 1000)
assert phone.adapt().verdict.kept
os.write(1, b"ready\\n")
phone.forget_word("zorblatt")
os.write(1, b"forgotten\\n")
sys.stdin.read()
"""


def test_killed_while_it_forgets(tmp_path: Path, rebuilt: Callable[..., Engine], own_keys: tuple[Path, Path]) -> None:
    engine = rebuilt(SURE)
    ends = set()
    for run, seconds in enumerate((0.0, 0.03, 0.06, 0.1, 1.0)):
        folder = tmp_path / f"phone{run}"
        lines = lines_until_killed(FORGETTING, engine.bundle.path, own_keys[1], folder, seconds)
        with Phone.open(folder, engine) as phone:
            words = {word.word: word.times for word in phone.learned_words(None)}
            assert phone.messages == 2000
            assert words["there"] == 1000
            forgotten = "zorblatt" not in words
            ends.add(forgotten)
            assert forgotten or words["zorblatt"] == 1000
            assert forgotten or "forgotten\n" not in lines
            assert forgotten != any(b"orblatt" in path.read_bytes() for path in folder.iterdir())
            assert phone.adapter is not engine.bundle.adapter_init or forgotten
    assert True in ends


def run_and_kill(bundle: Path, key: Path, folder: Path, seconds: float) -> tuple[int, int]:
    """Lets a phone work in a process of its own and kills it. Returns the last message's number, and adaptations."""
    lines = lines_until_killed(PROGRAM, bundle, key, folder, seconds)
    numbers = [int(line) for line in lines if line.strip().isdigit()]
    return numbers[-1], lines.count("adapted\n")


def lines_until_killed(program: str, bundle: Path, key: Path, folder: Path, seconds: float) -> list[str]:
    """Runs a program and kills it so long after its first line. Returns what it wrote."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(bundle), str(key), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    lines = [process.stdout.readline()]  # it works
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    process.stdin.close()
    process.wait()
    return lines
