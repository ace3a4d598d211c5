"""Cached contexts give the same numbers as the engine, cost one step for each new piece, and mix in the n-grams."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, strategies

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
from device_runtime.prediction.predictor import suggest
from device_runtime.prediction.typed_context import TypedContext
from device_runtime.prediction.user_model import UserModel
from keyboard_model.ngram.table import Level, NgramTable

BOS = 1
W = 0.3


@pytest.fixture
def cache_and_steps(engine: Engine) -> tuple[ContextCache, list[int]]:
    steps: list[int] = []

    def step(token: int, state: State, adapter: Adapter) -> tuple[Array, State]:
        steps.append(token)
        return engine.step(token, state, adapter)

    return ContextCache(step, engine.zero_state(), identity), steps


def test_each_new_piece_costs_one_step(engine: Engine, cache_and_steps: tuple[ContextCache, list[int]]) -> None:
    cache, steps = cache_and_steps
    adapter = engine.bundle.adapter_init
    cache.log_probs((1, 10, 11), adapter)
    assert steps == [1, 10, 11]
    cache.log_probs((1, 10, 11, 12), adapter)
    cache.log_probs((1, 10, 11, 12), adapter)
    cache.log_probs((1, 10), adapter)
    cache.log_probs((1, 10, 13), adapter)
    assert steps == [1, 10, 11, 12, 13]


def test_cached_log_probs_equal_those_of_the_engine(
    engine: Engine, cache_and_steps: tuple[ContextCache, list[int]]
) -> None:
    cache, _ = cache_and_steps
    adapter, state = engine.bundle.adapter_init, engine.zero_state()
    for end, token in enumerate((1, 10, 11, 12), start=1):
        expected, state = engine.step(token, state, adapter)
        np.testing.assert_array_equal(cache.log_probs((1, 10, 11, 12)[:end], adapter), expected)


def test_log_probs_are_cached_for_each_adapter(engine: Engine, cache_and_steps: tuple[ContextCache, list[int]]) -> None:
    cache, _ = cache_and_steps
    first = engine.bundle.adapter_init
    second = Adapter(first.lora_a, first.lora_b, np.linspace(0, 1, len(first.bias), dtype=np.float32))
    before = cache.log_probs((1, 10), first)
    assert not np.array_equal(cache.log_probs((1, 10), second), before)
    np.testing.assert_array_equal(cache.log_probs((1, 10), first), before)


def test_a_second_adapter_costs_one_step(engine: Engine, cache_and_steps: tuple[ContextCache, list[int]]) -> None:
    """The state does not depend on the adapter, so the numbers are the same to the last bit."""
    cache, steps = cache_and_steps
    first = engine.bundle.adapter_init
    second = Adapter(first.lora_a + 1, first.lora_b + 1, np.linspace(0, 1, len(first.bias), dtype=np.float32))
    expected, state = np.zeros(0), engine.zero_state()
    for token in (1, 10, 11, 12):
        expected, state = engine.step(token, state, second)
    cache.log_probs((1, 10, 11, 12), first)
    np.testing.assert_array_equal(cache.log_probs((1, 10, 11, 12), second), expected)
    assert steps == [1, 10, 11, 12, 12]


def test_each_requested_context_is_mixed_once_and_its_prefixes_are_not(engine: Engine) -> None:
    mixed: list[tuple[int, ...]] = []

    def mix(ids: tuple[int, ...], log_probs: Array) -> Array:
        mixed.append(ids)
        return log_probs + len(ids)

    adapter = engine.bundle.adapter_init
    cache, plain = (ContextCache(engine.step, engine.zero_state(), by) for by in (mix, identity))
    for ids in ((1, 10, 11), (1, 10, 11), (1, 10), (1, 10, 11, 12)):
        np.testing.assert_array_equal(cache.log_probs(ids, adapter), plain.log_probs(ids, adapter) + len(ids))
    assert mixed == [(1, 10, 11), (1, 10), (1, 10, 11, 12)]


def test_the_oldest_contexts_are_dropped(engine: Engine, cache_and_steps: tuple[ContextCache, list[int]]) -> None:
    cache, steps = cache_and_steps
    for token in range(MAX_LOG_PROBS + 5):
        cache.log_probs((1, token % engine.shape.vocab, token // 2 % engine.shape.vocab), engine.bundle.adapter_init)
    assert len(cache._outputs) == MAX_LOG_PROBS
    assert len(cache._states) <= MAX_STATES
    assert steps


@given(length=strategies.integers(1, 3 * MAX_CONTEXT) | strategies.just(10_000))
def test_a_long_context_keeps_bos_and_its_newest_pieces(length: int) -> None:
    ids = list(range(length))
    read = truncate_context(ids)
    assert read[0] == 0
    assert read[-1] == length - 1
    assert min(length, MAX_CONTEXT - 16) <= len(read) <= MAX_CONTEXT
    assert list(read[1:]) == ids[len(ids) - len(read) + 1 :]


def test_the_beginning_of_a_long_context_moves_in_strides() -> None:
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
def test_interpolation_matches_a_calculation_by_hand(ids: tuple[int, ...], older: int, newer: int) -> None:
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


def test_a_piece_with_probability_0_in_both_models_stays_finite() -> None:
    table = NgramTable(np.array([1, 0], np.float32), Level.of([], [], []), Level.of([], [], []))
    found = ngram_interpolator(table, W)((BOS,), np.array([0.0, -200.0], np.float32))
    assert np.isfinite(found).all() and np.exp(found[1]) < 1e-30


def test_weight_0_adds_no_ngrams(engine: Engine) -> None:
    assert ngram_interpolator(NgramTable.empty(10), 0.0) is identity
    reader, adapter = engine.reader, engine.bundle.adapter_init
    log_probs, _ = engine.step(BOS, engine.zero_state(), adapter)
    np.testing.assert_array_equal(reader.log_probs((BOS,), adapter), log_probs)


@pytest.mark.parametrize(
    ("context", "word"), [("", "home"), ("see", "you"), ("ok see", "you"), ("see you", "home"), ("home", "you")]
)
def test_a_suggested_word_has_the_probability_of_the_mixture(
    mixed: Engine, table: NgramTable, context: str, word: str
) -> None:
    ids = mixed.tokenizer.encode(context).ids
    older, newer = (BOS, *ids)[-2:]
    state = mixed.zero_state()
    for token in ids:
        log_probs, state = mixed.step(token, state, mixed.bundle.adapter_init)
    piece = mixed.lexicon.piece_of(word)
    expected = (1 - W) * np.exp(log_probs[piece]) + W * table.distribution(older, newer)[piece]
    user_model = UserModel(mixed.bundle.manifest.recipe.history, mixed.lexicon.piece_of)
    suggestions = suggest(mixed, mixed.bundle.adapter_init, user_model, TypedContext.of(context, word), 1).personal
    assert [key.word for key in suggestions] == [word]
    assert suggestions[0].probability == pytest.approx(expected, rel=1e-4)


def test_words_with_a_large_ngram_probability_are_suggested_first(mixed: Engine) -> None:
    user_model = UserModel(mixed.bundle.manifest.recipe.history, mixed.lexicon.piece_of)
    for context, word in (("", "home"), ("see", "you")):
        suggestions = suggest(mixed, mixed.bundle.adapter_init, user_model, TypedContext.of(context, ""), 3).personal
        assert suggestions[0].word == word
        assert suggestions[0].probability > 0.2 > suggestions[1].probability


def test_evaluation_does_not_use_the_ngrams(mixed: Engine, engine: Engine) -> None:
    shape, adapter = engine.shape, engine.bundle.adapter_init
    tokens = np.full((shape.batch, shape.window), 5, np.int32)
    np.testing.assert_array_equal(mixed.evaluate(tokens, tokens, adapter), engine.evaluate(tokens, tokens, adapter))
