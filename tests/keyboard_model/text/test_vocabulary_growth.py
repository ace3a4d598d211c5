"""A vocabulary with added pieces: the words of the list become pieces, and everything else stays as it was."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keyboard_model.text.tokenizer import BOUNDARY, Tokenizer, train
from keyboard_model.text.units import words
from keyboard_model.text.vocabulary_growth import grow

WORDS = ["see", "you", "at", "home", "ok", "thanks", "coming", "later", "don't", "i'm", "blah", "have", "her"]
BASE = train({word: 40 - i for i, word in enumerate([*WORDS, *"abcdefghijklmnopqrstuvwxyz"])}, 400)
LETTERS = st.text("abcdefghijklmnopqrstuvwxyz'", min_size=1, max_size=8)
LISTS = st.dictionaries(LETTERS, st.integers(1, 1000), max_size=12).map(
    lambda counts: {word: count for text, count in counts.items() for word in words(text)}
)


@settings(max_examples=200, deadline=None)
@given(LISTS, LETTERS)
def test_every_listed_word_is_one_piece_and_the_old_pieces_are_used_as_before(counts, text):
    grown = grow(BASE, counts, most=10_000).tokenizer
    for word in counts:
        assert len(grown.encode_word(word)) == 1
    assert grown.pieces[: len(BASE)] == BASE.pieces
    for number, word in BASE.single_piece_words.items():
        assert grown.encode_word(word) == [number]
    for word in words(text):  # including words that are not in the list
        assert "".join(grown.pieces[piece] for piece in grown.encode_word(word)) == word + BOUNDARY


@settings(max_examples=200, deadline=None)
@given(LISTS, st.integers(0, 8))
def test_a_new_piece_knows_the_old_ones_that_it_replaces(counts, most):
    grown = grow(BASE, counts, most)
    assume(grown.parts)
    assert len(grown.parts) == len(grown.tokenizer) - len(BASE) <= most
    for piece, parts in zip(grown.tokenizer.pieces[len(BASE) :], grown.parts, strict=True):
        assert "".join(BASE.pieces[part] for part in parts) == piece


def test_the_most_frequent_words_come_first():
    grown = grow(BASE, {"sia": 5, "lah": 90, "lor": 10}, most=2)
    assert len(grown.tokenizer.encode_word("lah")) == 1
    assert len(grown.tokenizer.encode_word("sia")) > 1


def test_the_same_words_in_another_order_give_the_same_bytes():
    counts = {"lah": 3, "leh": 3, "lor": 3, "sia": 3}
    assert grow(BASE, counts, 5).tokenizer.model == grow(BASE, dict(reversed(counts.items())), 5).tokenizer.model


@pytest.mark.parametrize("word", ["日", "Ω", "\U00010330"])
def test_characters_that_are_spelt_in_bytes_stay_bytes(word):
    grown = grow(BASE, {word: 100}, most=10)
    assert not grown.parts
    assert grown.tokenizer.encode_word(word) == BASE.encode_word(word)


def test_a_stored_vocabulary_is_the_same_again():
    grown = grow(BASE, {"x" * 40: 2, "lah": 1}, most=100).tokenizer
    assert Tokenizer(grown.model).pieces == grown.pieces
    assert Tokenizer(grown.model).encode("see you lah").ids == grown.encode("see you lah").ids
