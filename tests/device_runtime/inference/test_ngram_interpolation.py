"""Neural model and n-grams mixed: each piece's probability is the sum it should be, on the keys too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from device_runtime.bundle.files import NGRAM
from device_runtime.inference.engine import Engine
from device_runtime.inference.ngram_interpolation import identity, ngram_interpolator
from device_runtime.prediction.predictor import TypedContext, suggest
from device_runtime.user_model.user_model import UserModel
from keyboard_model.ngram.table import Level, NgramTable

BOS = 1
W = 0.3


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
    habits = UserModel(mixed.bundle.manifest.recipe.history, mixed.lexicon.piece_of)
    shown = suggest(mixed, mixed.bundle.adapter_init, habits, TypedContext.of(context, word), 1)
    assert [key.word for key in shown] == [word]
    assert shown[0].probability == pytest.approx(expected, rel=1e-4)


def test_what_the_population_types_comes_first(mixed: Engine) -> None:
    habits = UserModel(mixed.bundle.manifest.recipe.history, mixed.lexicon.piece_of)
    for context, word in (("", "home"), ("see", "you")):
        shown = suggest(mixed, mixed.bundle.adapter_init, habits, TypedContext.of(context, ""), 3)
        assert shown[0].word == word
        assert shown[0].probability > 0.2 > shown[1].probability


def test_adaptation_does_not_see_them(mixed: Engine, engine: Engine) -> None:
    shape, adapter = engine.shape, engine.bundle.adapter_init
    tokens = np.full((shape.batch, shape.window), 5, np.int32)
    np.testing.assert_array_equal(mixed.evaluate(tokens, tokens, adapter), engine.evaluate(tokens, tokens, adapter))
