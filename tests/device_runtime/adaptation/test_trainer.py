"""Training in a child process gives the same adapter, and a killed process loses nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from device_runtime.adaptation.budget import Budget
from device_runtime.adaptation.trainer import NICENESS, InProcessTrainer, SubprocessTrainer
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from keyboard_model.batching import AdaptationWindow

MESSAGES = [f"see you at the station at {hour} then, bring the red bag" for hour in range(40)]
WINDOW, ONE = (AdaptationWindow.of(messages, 2_000, 0.5, 1_000) for messages in (MESSAGES, MESSAGES[:1]))


@pytest.fixture(scope="module")
def trainer(engine: Engine) -> Iterator[SubprocessTrainer]:
    trainer = SubprocessTrainer(engine.bundle)
    yield trainer
    trainer.rest()


def process_of(trainer: SubprocessTrainer) -> int:
    assert trainer._process is not None
    (process,) = trainer._process._pool._processes
    return process


def gone(process: int) -> bool:
    deadline = time.monotonic() + 60
    while Path(f"/proc/{process}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_both_trainers_give_the_same_adapter(engine: Engine, trainer: SubprocessTrainer) -> None:
    init = engine.bundle.adapter_init
    here, there = (each.adapt(Budget(), WINDOW, init) for each in (InProcessTrainer(engine), trainer))
    assert here.verdict == there.verdict and here.steps == there.steps > 0
    for name, tensor in here.adapter.tensors().items():
        np.testing.assert_array_equal(there.adapter.tensors()[name], tensor)
    assert trainer.strength(WINDOW, init) == InProcessTrainer(engine).strength(WINDOW, init)


def test_the_child_process_has_lower_priority(engine: Engine, trainer: SubprocessTrainer) -> None:
    trainer.adapt(Budget(), ONE, engine.bundle.adapter_init)
    process = process_of(trainer)
    nice = os.getpriority(os.PRIO_PROCESS, process) - os.getpriority(os.PRIO_PROCESS, 0)
    assert nice == min(NICENESS, 19 - os.getpriority(os.PRIO_PROCESS, 0))


def test_a_killed_process_loses_one_adaptation_only(engine: Engine, trainer: SubprocessTrainer, tmp_path: Path) -> None:
    with Phone.open(tmp_path, engine, trainer=trainer) as phone:
        phone.observe_many(MESSAGES)
        first = phone.adapt()
        before, kept = phone.adapter, phone.adapter_id
        os.kill(process_of(trainer), signal.SIGKILL)
        interrupted = phone.adapt()
        assert not interrupted.verdict.kept and "interrupted" in interrupted.verdict.reason and interrupted.steps == 0
        assert phone.adapter is before and phone.adapter_id == kept
        assert phone.adaptations()[-1].reason == interrupted.verdict.reason
        assert phone.adapt().steps == first.steps


def test_a_process_that_hangs_is_killed_and_loses_one_adaptation_only(engine: Engine) -> None:
    trainer, init = SubprocessTrainer(engine.bundle), engine.bundle.adapter_init
    assert trainer.adapt(Budget(), WINDOW, init).steps > 0
    os.kill(process_of(trainer), signal.SIGSTOP)
    trainer._patience = 0.2
    interrupted = trainer.adapt(Budget(), WINDOW, init)
    assert interrupted.steps == 0 and "interrupted" in interrupted.verdict.reason
    trainer._patience = 60
    assert trainer.adapt(Budget(), WINDOW, init).steps > 0
    os.kill(process_of(trainer), signal.SIGSTOP)
    process = process_of(trainer)
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(trainer.adapt, Budget(), WINDOW, init)
        time.sleep(0.1)
        trainer.stop()
        assert "interrupted" in running.result(30).verdict.reason
    assert gone(process)


def test_the_child_process_ignores_sigterm(engine: Engine, trainer: SubprocessTrainer) -> None:
    init = engine.bundle.adapter_init
    trainer.adapt(Budget(), ONE, init)
    os.kill(process_of(trainer), signal.SIGTERM)
    assert trainer.adapt(Budget(), WINDOW, init).steps > 0


def test_an_idle_child_process_ends_and_starts_again_on_demand(engine: Engine) -> None:
    trainer, init = SubprocessTrainer(engine.bundle, idle_seconds=0.2), engine.bundle.adapter_init
    trainer.adapt(Budget(), ONE, init)
    assert trainer._process is None or gone(process_of(trainer))
    assert trainer.adapt(Budget(), WINDOW, init).steps > 0
    trainer.rest()
    assert trainer._process is None
