"""Contexts remembered: the same numbers as reading anew, one step a new piece."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from device_runtime.adapter.adapter import Adapter
from device_runtime.adapter.encodings import Array
from device_runtime.bundle.files import NGRAM
from device_runtime.inference.context_cache import (
    MAX_CONTEXT,
    MAX_LOG_PROBS,
    MAX_STATES,
    ContextCache,
    State,
    identity,
    ngram_interpolator,
    truncate_context,
)
from device_runtime.inference.engine import Engine
from device_runtime.prediction.predictor import TypedContext, suggest
from device_runtime.prediction.user_model import UserModel
from keyboard_model.ngram.table import Level, NgramTable

BOS = 1
W = 0.3


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
    for token in range(MAX_LOG_PROBS + 5):
        reader.log_probs((1, token % engine.shape.vocab, token // 2 % engine.shape.vocab), engine.bundle.adapter_init)
    assert len(reader._outputs) == MAX_LOG_PROBS
    assert len(reader._states) <= MAX_STATES
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


@pytest.fixture
def table(engine: Engine) -> NgramTable:
    """At the beginning of a message "home", after "see" "you", and "you" after any "see"."""
    vocab = engine.shape.vocab
    see, you, home = (engine.lexicon.piece_of(word) for word in ("see", "you", "home"))
    return NgramTable(
        NgramTable.empty(vocab).unigram,
        Level.of([see], [you], [0.5]),
        Level.of([BOS * vocab + BOS, BOS * vocab + see], [home, you], [0.75, 0.875]),
    )


@pytest.fixture
def mixed(rebuilt: Callable[..., Engine], table: NgramTable) -> Engine:
    return rebuilt({"ngram_weight": W}, {NGRAM: table.to_bytes()})


@pytest.mark.parametrize(
    ("ids", "older", "newer"), [((1,), 1, 1), ((1, 7), 1, 7), ((1, 7, 8), 7, 8), ((1, 6, 7, 8), 7, 8)]
)
def test_by_hand_after_the_last_two_pieces(ids: tuple[int, ...], older: int, newer: int) -> None:
    vocab = 10
    table = NgramTable(
        NgramTable.empty(vocab).unigram, Level.of([newer], [3], [0.5]), Level.of([older * vocab + newer], [4], [0.25])
    )
    log_probs = np.log(np.arange(1, vocab + 1, dtype=np.float32) / 55)
    before = log_probs.copy()
    found = np.exp(ngram_interpolator(table, W)(ids, log_probs))
    ngram = np.full(vocab, 0.1 * 0.5 * 0.75)
    ngram[3] += 0.5 * 0.75
    ngram[4] += 0.25
    np.testing.assert_allclose(found, 0.7 * np.arange(1, vocab + 1) / 55 + 0.3 * ngram, rtol=1e-5)
    np.testing.assert_array_equal(log_probs, before)


def test_a_piece_that_neither_gives_any_probability_stays_a_number() -> None:
    table = NgramTable(np.array([1, 0], np.float32), Level.of([], [], []), Level.of([], [], []))
    found = ngram_interpolator(table, W)((BOS,), np.array([0.0, -200.0], np.float32))
    assert np.isfinite(found).all() and np.exp(found[1]) < 1e-30


def test_without_a_weight_nothing_is_computed(engine: Engine) -> None:
    assert ngram_interpolator(NgramTable.empty(10), 0.0) is identity
    reader, adapter = engine.reader, engine.bundle.adapter_init
    log_probs, _ = engine.step(BOS, engine.zero_state(), adapter)
    np.testing.assert_array_equal(reader.log_probs((BOS,), adapter), log_probs)


@pytest.mark.parametrize(
    ("context", "word"), [("", "home"), ("see", "you"), ("ok see", "you"), ("see you", "home"), ("home", "you")]
)
def test_a_key_s_probability_is_the_mixture(mixed: Engine, table: NgramTable, context: str, word: str) -> None:
    ids = mixed.tokenizer.encode(context).ids
    older, newer = (BOS, *ids)[-2:]
    state = mixed.zero_state()
    for token in ids:
        log_probs, state = mixed.step(token, state, mixed.bundle.adapter_init)
    piece = mixed.lexicon.piece_of(word)
    expected = (1 - W) * np.exp(log_probs[piece]) + W * table.distribution(older, newer)[piece]
    user_model = UserModel(mixed.bundle.manifest.recipe.history, mixed.lexicon.piece_of)
    shown = suggest(mixed, mixed.bundle.adapter_init, user_model, TypedContext.of(context, word), 1)
    assert [key.word for key in shown] == [word]
    assert shown[0].probability == pytest.approx(expected, rel=1e-4)


def test_what_the_population_types_comes_first(mixed: Engine) -> None:
    user_model = UserModel(mixed.bundle.manifest.recipe.history, mixed.lexicon.piece_of)
    for context, word in (("", "home"), ("see", "you")):
        shown = suggest(mixed, mixed.bundle.adapter_init, user_model, TypedContext.of(context, ""), 3)
        assert shown[0].word == word
        assert shown[0].probability > 0.2 > shown[1].probability


def test_adaptation_does_not_see_them(mixed: Engine, engine: Engine) -> None:
    shape, adapter = engine.shape, engine.bundle.adapter_init
    tokens = np.full((shape.batch, shape.window), 5, np.int32)
    np.testing.assert_array_equal(mixed.evaluate(tokens, tokens, adapter), engine.evaluate(tokens, tokens, adapter))
