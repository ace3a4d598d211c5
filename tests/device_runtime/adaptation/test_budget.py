"""What passes its budget is stopped, and the old adapter stays."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from device_runtime.adaptation import adapt, budget
from device_runtime.adaptation.budget import MB, Budget, adapt_within, resident_bytes
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from keyboard_model.batching.time_splits import AdaptationWindow
from tests.support.device_runtime.bundle_parts import SURE

MESSAGES = ["see you at home", "ok thanks see you", "are you coming home now", "thanks"] * 15


@pytest.fixture
def sure(rebuilt: Callable[..., Engine]) -> Engine:
    return rebuilt(SURE)


def window_of(engine: Engine) -> AdaptationWindow:
    recipe = engine.bundle.manifest.recipe
    return AdaptationWindow.of(MESSAGES, recipe.newest_words, recipe.holdout_share)


def run(engine: Engine, allowed: Budget, clock: Callable[[], float]) -> adapt.Adaptation:
    recipe, init = engine.bundle.manifest.recipe, engine.bundle.adapter_init
    return adapt_within(allowed, engine, recipe, window_of(engine), init, engine.bundle.starts, clock)


def test_within_it_nothing_is_different(sure: Engine) -> None:
    recipe, init = sure.bundle.manifest.recipe, sure.bundle.adapter_init
    plain = adapt.adapt(sure, recipe, window_of(sure), init, sure.bundle.starts)
    result = run(sure, Budget(), itertools.count().__next__)
    assert result.verdict == plain.verdict
    assert result.steps == 4


def test_it_ends_after_the_step_that_passes_it(sure: Engine) -> None:
    steps = []
    for seconds in range(12):  # a second passes at each look
        result = run(sure, Budget(seconds=seconds + 0.5), itertools.count().__next__)
        if result.verdict.kept:
            break
        assert result.adapter is sure.bundle.adapter_init
        assert f"more than {seconds + 0.5} s: stopped after {result.steps} of 4 steps" in result.verdict.reason
        steps.append(result.steps)
    assert steps == sorted(steps)
    assert {0, 1, 2, 3, 4} == set(steps)
    assert run(sure, Budget(), itertools.count().__next__).verdict.kept  # the engine works on


def test_memory_too(sure: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "resident_bytes", itertools.count(0, 10 * MB).__next__)
    result = run(sure, Budget(bytes=15 * MB), itertools.count().__next__)
    assert not result.verdict.kept
    assert "more than 15 MB of memory" in result.verdict.reason


def test_resident_memory_is_read() -> None:
    before = resident_bytes()
    block = bytearray(64 * MB)
    block[::4096] = b"x" * len(block[::4096])
    assert 32 * MB < resident_bytes() - before < 128 * MB or before == 0


def test_a_phone_says_why_in_its_entry(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        phone.observe_many(MESSAGES)
        result = phone.adapt(Budget(seconds=0))
        assert not result.verdict.kept
        (entry,) = phone.adaptations()
        assert (entry.kept, entry.stored, entry.before, entry.after) == (False, False, None, None)
        assert "more than 0 s" in entry.reason
        assert phone.adapter is sure.bundle.adapter_init
