"""An adaptation that exceeds its budget stops, and the old adapter stays."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from device_runtime.adaptation import adapt, budget
from device_runtime.adaptation.budget import MB, Budget, adapt_within, resident_bytes
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from keyboard_model.batching import AdaptationWindow

MESSAGES = ["see you at home", "ok thanks see you", "are you coming home now", "thanks"] * 15


def window_of(engine: Engine) -> AdaptationWindow:
    recipe = engine.bundle.manifest.recipe
    return AdaptationWindow.of(MESSAGES, recipe.newest_words, recipe.holdout_share, recipe.holdout_words)


def run(engine: Engine, allowed: Budget, clock: Callable[[], float]) -> adapt.Adaptation:
    recipe, init = engine.bundle.manifest.recipe, engine.bundle.adapter_init
    return adapt_within(allowed, engine, recipe, window_of(engine), init, engine.bundle.starts, clock)


def test_an_adaptation_within_the_budget_is_unchanged(learning_engine: Engine) -> None:
    recipe, init = learning_engine.bundle.manifest.recipe, learning_engine.bundle.adapter_init
    plain = adapt.adapt(learning_engine, recipe, window_of(learning_engine), init, learning_engine.bundle.starts)
    result = run(learning_engine, Budget(), itertools.count().__next__)
    assert result.verdict == plain.verdict
    assert result.steps == 4


def test_an_adaptation_stops_after_the_step_that_exceeds_the_time(learning_engine: Engine) -> None:
    steps = []
    for seconds in range(12):  # a second passes at each look
        result = run(learning_engine, Budget(seconds=seconds + 0.5), itertools.count().__next__)
        if result.verdict.kept:
            break
        assert result.adapter is learning_engine.bundle.adapter_init
        assert f"more than {seconds + 0.5} s: stopped after {result.steps} steps" in result.verdict.reason
        steps.append(result.steps)
    assert steps == sorted(steps)
    assert {0, 1, 2, 3, 4} == set(steps)
    assert run(learning_engine, Budget(), itertools.count().__next__).verdict.kept  # the engine still works


def test_an_adaptation_stops_when_it_exceeds_the_memory(
    learning_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "resident_bytes", itertools.count(0, 10 * MB).__next__)
    result = run(learning_engine, Budget(bytes=15 * MB), itertools.count().__next__)
    assert not result.verdict.kept
    assert "more than 15 MB of memory" in result.verdict.reason


def test_resident_bytes_grows_with_an_allocation() -> None:
    before = resident_bytes()
    block = bytearray(64 * MB)
    block[::4096] = b"x" * len(block[::4096])
    assert 32 * MB < resident_bytes() - before < 128 * MB or before == 0


def test_a_phone_logs_that_the_budget_was_exceeded(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(MESSAGES)
        result = phone.adapt(Budget(seconds=0))
        assert not result.verdict.kept
        (entry,) = phone.adaptations()
        assert (entry.kept, entry.stored, entry.before, entry.after) == (False, False, None, None)
        assert "more than 0 s" in entry.reason
        assert phone.adapter is learning_engine.bundle.adapter_init
