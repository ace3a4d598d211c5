"""Contexts remembered: the same numbers as reading anew, one step a new piece."""

from __future__ import annotations

import numpy as np
import pytest

from device_runtime.adapter.adapter import Adapter, Array
from device_runtime.inference.context_cache import (
    MAX_CONTEXT,
    REMEMBERED,
    REMEMBERED_STATES,
    ContextCache,
    State,
    truncate_context,
)
from device_runtime.inference.engine import Engine
from device_runtime.inference.ngram_interpolation import identity


@pytest.fixture
def counted(engine: Engine) -> tuple[ContextCache, list[int]]:
    steps: list[int] = []

    def step(token: int, state: State, adapter: Adapter) -> tuple[Array, State]:
        steps.append(token)
        return engine.step(token, state, adapter)

    return ContextCache(step, engine.zero_state(), identity), steps


def test_typing_on_costs_one_step(engine: Engine, counted: tuple[ContextCache, list[int]]) -> None:
    reader, steps = counted
    adapter = engine.bundle.adapter_init
    reader.log_probs((1, 10, 11), adapter)
    assert steps == [1, 10, 11]
    reader.log_probs((1, 10, 11, 12), adapter)
    reader.log_probs((1, 10, 11, 12), adapter)
    reader.log_probs((1, 10), adapter)
    reader.log_probs((1, 10, 13), adapter)
    assert steps == [1, 10, 11, 12, 13]


def test_remembering_changes_no_number(engine: Engine, counted: tuple[ContextCache, list[int]]) -> None:
    reader, _ = counted
    adapter, state = engine.bundle.adapter_init, engine.zero_state()
    for end, token in enumerate((1, 10, 11, 12), start=1):
        expected, state = engine.step(token, state, adapter)
        np.testing.assert_array_equal(reader.log_probs((1, 10, 11, 12)[:end], adapter), expected)


def test_another_adapter_is_another_reading(engine: Engine, counted: tuple[ContextCache, list[int]]) -> None:
    reader, _ = counted
    first = engine.bundle.adapter_init
    second = Adapter(first.lora_a, first.lora_b, np.linspace(0, 1, len(first.bias), dtype=np.float32))
    before = reader.log_probs((1, 10), first)
    assert not np.array_equal(reader.log_probs((1, 10), second), before)
    np.testing.assert_array_equal(reader.log_probs((1, 10), first), before)


def test_a_second_adapter_costs_one_step(engine: Engine, counted: tuple[ContextCache, list[int]]) -> None:
    """The state has no adapter in it: read by one or by the other, the numbers are the same to the last bit."""
    reader, steps = counted
    first = engine.bundle.adapter_init
    second = Adapter(first.lora_a + 1, first.lora_b + 1, np.linspace(0, 1, len(first.bias), dtype=np.float32))
    expected, state = np.zeros(0), engine.zero_state()
    for token in (1, 10, 11, 12):
        expected, state = engine.step(token, state, second)
    reader.log_probs((1, 10, 11, 12), first)
    np.testing.assert_array_equal(reader.log_probs((1, 10, 11, 12), second), expected)
    assert steps == [1, 10, 11, 12, 12]


def test_what_is_asked_for_is_mixed_once_and_what_lies_on_the_way_is_not(engine: Engine) -> None:
    mixed: list[tuple[int, ...]] = []

    def mix(ids: tuple[int, ...], log_probs: Array) -> Array:
        mixed.append(ids)
        return log_probs + len(ids)

    adapter = engine.bundle.adapter_init
    reader, plain = (ContextCache(engine.step, engine.zero_state(), by) for by in (mix, identity))
    for ids in ((1, 10, 11), (1, 10, 11), (1, 10), (1, 10, 11, 12)):
        np.testing.assert_array_equal(reader.log_probs(ids, adapter), plain.log_probs(ids, adapter) + len(ids))
    assert mixed == [(1, 10, 11), (1, 10), (1, 10, 11, 12)]


def test_it_forgets_the_oldest(engine: Engine, counted: tuple[ContextCache, list[int]]) -> None:
    reader, steps = counted
    for token in range(REMEMBERED + 5):
        reader.log_probs((1, token % engine.shape.vocab, token // 2 % engine.shape.vocab), engine.bundle.adapter_init)
    assert len(reader._read) == REMEMBERED
    assert len(reader._states) <= REMEMBERED_STATES
    assert steps


def test_a_long_message_is_read_from_its_newest_part() -> None:
    for length in (1, 2, MAX_CONTEXT, MAX_CONTEXT + 1, MAX_CONTEXT + 17, 10_000):
        ids = list(range(length))
        read = truncate_context(ids)
        assert read[0] == 0
        assert read[-1] == length - 1
        assert min(length, MAX_CONTEXT - 16) <= len(read) <= MAX_CONTEXT
        assert list(read[1:]) == ids[len(ids) - len(read) + 1 :]


def test_the_beginning_moves_in_strides() -> None:
    starts = [truncate_context(range(length))[1] for length in range(2, 1000)]
    assert len(set(starts)) == 1 + -(-(999 - MAX_CONTEXT) // 16)
