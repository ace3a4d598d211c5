"""What is left of invisible characters and of the many apostrophes."""

import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keyboard_model.text.normalization import normalize
from keyboard_model.text.units import Kind, units, words


@pytest.fixture(scope="module")
def invisible_characters() -> list[str]:
    formats = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
    return [*formats, "\u034f", "\u180b", "\ufe00", "\ufe0e", "\ufe0f", "\U000e0100"]


def read(text: str) -> list[tuple[Kind, str]]:
    return [(unit.kind, unit.text) for unit in units(text)]


@pytest.mark.parametrize(
    "place",
    ["{}see you", "see{} you", "see {}you", "se{}e you", "see you{}", "see you {}.", "don{}'t", "don'{}t", "é {}"],
)
def test_an_invisible_character_is_no_punctuation(place: str, invisible_characters: list[str]) -> None:
    for invisible in invisible_characters:
        assert read(place.format(invisible)) == read(place.format("")), hex(ord(invisible))
        assert normalize(place.format(invisible)) == normalize(place.format(""))


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",
        "علی\u200cرضا",
        "क\u094d\u200dष",
        "క్\u200cష",
        "র\u200d্য",
        "ශ්\u200dරී",
        "അവന്\u200d",
        "👩\u200d👩\u200d👧",
        "❤\ufe0f\u200d🔥",
        "1\ufe0f\u20e3",
        "☎\ufe0e",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "ᠠ\u180b",
        "ᠠ\u180eᠠ",
    ],
)  # fmt: skip
def test_joiners_and_selectors_stay_where_they_show(text: str) -> None:
    assert normalize(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("دا\u200cد", "داد"),  # alef joins to no letter after it
        ("سلام\u200c", "سلام"),
        ("مي\u200c\u200c\u200fخ", "مي\u200cخ"),
        ("س\u200dل", "سل"),
        ("Auf\u200clage", "Auflage"),
        ("क\u200dष", "कष"),
        ("👩\u200dZanna", "👩Zanna"),
        ("a\ufe0f1\ufe0f", "a1"),
        ("葛\U000e0100", "葛"),
        ("e\u200d\u0301", "é"),
        ("ﬁnd oﬃce", "find office"),
        ("coŀlegi ǆep Ĳsland µm ﻻ ﷲ", "col·legi džep IJsland μm لا الله"),
        ("don‘t o‘z don’ ‘tis", "don't o'z don' ‘tis"),
    ],
)  # fmt: skip
def test_elsewhere_they_are_removed(text: str, shown: str) -> None:
    assert normalize(text) == shown


@given(st.text(st.sampled_from("ab1'’‘´ʻ`\"צהم‌ید\u200d\ufe0f\u20e3\u0301\u094dक·❤👍🏽🏴\U000e0067\u180eᠠﬁŀǆﻻ ́")))
@example("\u0301\u180e\u094d\u200d")  # without the second character, the marks beside it change places
@example("ŀ\u200c\u094d")  # becomes a letter and a dot, between which and a virama no joiner shows
def test_normalizing_twice_changes_nothing(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)
    assert words(normalize(text)) == words(text)
