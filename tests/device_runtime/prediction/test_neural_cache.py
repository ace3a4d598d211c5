"""The neural cache: its shares by hand, its limit, and a phone that uses it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from device_runtime.inference.context_cache import truncate_context
from device_runtime.inference.engine import Engine
from device_runtime.manifest import NeuralCacheRecipe
from device_runtime.phone.phone import Phone
from device_runtime.prediction.neural_cache import NeuralCache
from device_runtime.prediction.read_messages import read_messages

DIRECTIONS = np.array([[2, 0], [0, 3], [-1, 0]], np.float32)


def cache(words: int = 100, sharpness: float = math.log(2), half: float = 0.0) -> NeuralCache:
    return NeuralCache(NeuralCacheRecipe(words=words, weight=0.5, half=half, sharpness=sharpness))


def test_shares_match_a_calculation_by_hand() -> None:
    made = cache()
    for word, projection in zip((4, 2, 4), DIRECTIONS, strict=True):
        made.add(projection, word)
    # cosines 1, 0 and -1: 2, 1 and 1/2 of 7/2
    expected = [0, 0, 2 / 7, 0, 5 / 7]
    np.testing.assert_allclose(made.distribution(np.array([5, 0], np.float32), 5)[0], expected, atol=1e-6)


def test_the_length_of_a_projection_does_not_matter_and_zero_is_allowed() -> None:
    made = cache()
    for scale in (1e-30, 1.0, 1e30):
        made.add(np.array([scale, 0], np.float32), 0)
    made.add(np.zeros(2, np.float32), 1)
    shares, _ = made.distribution(np.array([1e-20, 0], np.float32), 2)
    np.testing.assert_allclose(shares, [6 / 7, 1 / 7], rtol=1e-6)


@pytest.mark.parametrize("words", [1, 3, 64, 65, 200])
def test_only_the_newest_words_are_kept(words: int) -> None:
    made = cache(words, sharpness=0.0, half=words)
    for word in range(300):
        made.add(DIRECTIONS[word % 3], word)
    shares, _ = made.distribution(DIRECTIONS[0], 300)
    assert np.flatnonzero(shares).tolist() == list(range(300 - words, 300))
    assert made.weight == pytest.approx(0.25)


def with_cache(rebuilt: Callable[..., Engine], words: int) -> Engine:
    off = {"cache_weight": 0.0, "concentration_2": "Infinity", "concentration_3": "Infinity"}
    neural = {"words": words, "weight": 0.9, "half": 0, "sharpness": 20}
    return rebuilt({"recipe": {"history": {**off, "neural_cache": neural}, "swap_margin": 0.0}})


def test_the_projections_are_those_before_the_words(rebuilt: Callable[..., Engine]) -> None:
    engine = with_cache(rebuilt, 200)
    message = "see you, at 1 <#> the zorblatt " + "and so on " * 30
    (read,) = read_messages(engine, [message], 0)
    assert read.projections is not None
    encoded = engine.tokenizer.encode(message)
    assert len(read.projections) == len(encoded.words)
    for word, projection in enumerate(read.projections):
        state = engine.zero_state()
        for piece in truncate_context(encoded.ids[: encoded.word_of.index(word)]):
            _, state = engine.step(piece, state, engine.bundle.adapter_init)
        np.testing.assert_allclose(projection, state.projection[0], atol=1e-5)


def test_only_words_that_the_cache_keeps_are_read(rebuilt: Callable[..., Engine]) -> None:
    messages = ["one two three", "four", "", "five six", "seven"]

    def read(words: int) -> list[int]:
        found = read_messages(with_cache(rebuilt, words), messages, 7)
        return [0 if message.projections is None else len(message.projections) for message in found]

    assert read(0) == [0, 0, 0, 0, 0]
    assert read(1) == [0, 0, 0, 0, 1]
    assert read(2) == [0, 0, 0, 1, 1]
    assert read(4) == [0, 1, 0, 2, 1]
    assert read(6) == [2, 1, 0, 2, 1]
    assert read(9) == [3, 1, 0, 2, 1]


def test_of_a_long_message_the_last_words_are_kept(rebuilt: Callable[..., Engine], tmp_path: Path) -> None:
    with Phone.open(tmp_path, with_cache(rebuilt, 3)) as phone:
        phone.observe("at the quuxhouse we meet and see you")
        assert "quuxhouse" not in words_after(phone, "at the")
        assert words_after(phone, "at the quuxhouse we meet and see")[0] == "you"


def words_after(phone: Phone, context: str) -> list[str]:
    return [suggestion.word for suggestion in phone.predict(context)]


def test_a_phone_suggests_what_was_typed_in_the_same_context_and_again_after_a_restart(
    rebuilt: Callable[..., Engine], tmp_path: Path
) -> None:
    engine = with_cache(rebuilt, 100)
    with Phone.open(tmp_path, engine) as phone:
        phone.observe_many(["see you at home", "meet me at the quuxhouse"])
        before = words_after(phone, "meet me at the"), words_after(phone, "see you")
        assert [words[0] for words in before] == ["quuxhouse", "at"]
    with Phone.open(tmp_path, engine) as phone:
        assert (words_after(phone, "meet me at the"), words_after(phone, "see you")) == before
        phone.forget_word("quuxhouse")
        assert "quuxhouse" not in words_after(phone, "meet me at the")


def test_a_new_message_drops_the_oldest_words(rebuilt: Callable[..., Engine], tmp_path: Path) -> None:
    with Phone.open(tmp_path, with_cache(rebuilt, 3)) as phone:
        phone.observe("at the quuxhouse")
        assert words_after(phone, "at the")[0] == "quuxhouse"
        phone.observe("see you soon")
        assert "quuxhouse" not in words_after(phone, "at the")
