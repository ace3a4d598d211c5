"""The roles of pieces in words, and what counts as one word."""

from __future__ import annotations

import pytest

from device_runtime.inference.engine import Engine
from device_runtime.inference.lexicon import Pieces, is_one_word


def test_finds_the_pieces_with_a_prefix() -> None:
    pieces = Pieces.of({1: "to", 2: "tomorrow", 3: "at", 4: "too", 5: "", 6: "tö"})
    assert pieces.texts[pieces.starting("to")] == ["to", "tomorrow", "too"]
    assert list(pieces.ids[pieces.starting("to")]) == [1, 2, 4]
    assert pieces.texts[pieces.starting("x")] == []
    assert len(pieces.texts[pieces.starting("")]) == 6


def test_groups_pieces_by_their_role_in_a_word(engine: Engine) -> None:
    lexicon, tokenizer = engine.lexicon, engine.tokenizer
    assert set(lexicon.endings.ids) - set(lexicon.words.ids) <= {tokenizer.pieces.index("▁")}
    assert not set(lexicon.endings.ids) & set(lexicon.continuing.ids)
    word = lexicon.words.texts[len(lexicon.words.texts) // 2]
    assert lexicon.spelling(word) == tuple(tokenizer.encode_word(word))
    assert lexicon.piece_of("qzqzqzqzqz") == -1


@pytest.mark.parametrize("text", ["a", "don't", "ü", "今天", "3pm"])
def test_is_one_word(text: str) -> None:
    assert is_one_word(text)


@pytest.mark.parametrize(
    "text", ["", "'", ".", "<#>", "A", "two words", "a.", "\ufffd", "\N{GRINNING FACE}", "u\u0308"]
)
def test_is_not_one_word(text: str) -> None:
    assert not is_one_word(text)
