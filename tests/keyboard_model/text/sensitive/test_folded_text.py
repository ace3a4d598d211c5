"""One shape for every digit, space and hyphen; what a text contains."""

from __future__ import annotations

import sys

from keyboard_model.text.sensitive.folded_text import Features, fold


def test_every_character_is_folded_alone_as_it_is_in_a_text_that_needs_folding() -> None:
    code_points = [*range(0x80, 0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200), sys.maxunicode]
    different = [hex(code) for code in code_points if fold(chr(code)).text != fold(f"\u200b{chr(code)}").text]

    assert different == []


def test_spans_are_those_of_the_original() -> None:
    folded = fold("a\u200b1\u20e3\N{KEYCAP TEN}é")

    assert folded.text == "a110é"
    assert list(folded.original([(0, 1), (1, 2), (1, 4), (4, 5)])) == [(0, 2), (2, 4), (2, 5), (5, 6)]


def test_features_of_texts_in_ascii_and_beyond_are_the_same() -> None:
    plain, beyond = (
        Features.of("See_you at 10:30, gate b4 or PIN1234!"),
        Features.of("See_you at 10:30, gate b4 or PIN1234！"),
    )

    assert plain.words == beyond.words == ["see", "you", "at", "10", "30", "gate", "b4", "or", "pin1234"]
    assert plain.numbers == beyond.numbers == ["10", "30", "b4", "pin1234"]
    assert plain.cues == beyond.cues
    assert {"pin", "pin1"} <= {*plain.cues}
    assert plain.digits == beyond.digits == 9
