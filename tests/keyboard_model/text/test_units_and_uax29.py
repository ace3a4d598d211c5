"""Words are those of Unicode's UAX 29, but for the differences listed here. ICU's word breaker is the oracle."""

import itertools
from pathlib import Path

import pytest
from icu4py.breakers import WordBreaker

from keyboard_model.text.casing import canonical_form
from keyboard_model.text.units import words

ROWS = [
    row
    for row in (Path(__file__).parents[2] / "support/keyboard_model/text/WordBreakTest-excerpt.txt")
    .read_text("utf-8")
    .splitlines()
    if not row.startswith("#")
]

DIFFERENCES = [
    # name, text, the words of UAX 29, Thumbprint's words
    ("an underscore parts words", "don't_stop", ["don't_stop"], ["don't", "stop"]),
    ("a dot parts words", "ok.thanks", ["ok.thanks"], ["ok", "thanks"]),
    ("a dot or comma parts numbers", "1,000.50", ["1,000.50"], ["1", "000", "50"]),
    ("a colon parts words", "k:a", ["k:a"], ["k", "a"]),
    ("an apostrophe may follow a digit", "the 90's", ["the", "90", "s"], ["the", "90's"]),
    ("an apostrophe after Hebrew is no part of it", "א' ב", ["א'", "ב"], ["א", "ב"]),
    ("an acute accent between letters is an apostrophe", "geht´s", ["geht", "s"], ["geht's"]),
    ("so is a grave accent", "don`t", ["don", "t"], ["don't"]),
    ("so is a prime", "don′t", ["don", "t"], ["don't"]),
    ("and all apostrophes are one", "don’t ‘tis o‘z", ["don’t", "tis", "o‘z"], ["don't", "tis", "o'z"]),
    ("a letter that is an apostrophe at an edge stays", "togʻ", ["togʻ"], ["togʻ"]),
    ("a zero-width space is not seen", "to\u200bday", ["to", "day"], ["today"]),
    ("a soft hyphen is not seen", "to\u00adday", ["to\u00adday"], ["today"]),
    ("nor is a joiner in Latin script", "to\u200dday", ["to\u200dday"], ["today"]),
    ("a narrow no-break space parts words", "a\u202fb", ["a\u202fb"], ["a", "b"]),
    ("a letter that is an emoji is no letter", "ℹok", ["ℹok"], ["ok"]),
    ("a skin tone or emoji after a letter is no part of the word", "a\U0001f3ff", ["a\U0001f3ff"], ["a"]),
    ("a keycap is no digit", "a1\ufe0f\u20e3", ["a1\ufe0f\u20e3"], ["a"]),
    ("a sign inside a word carries no accent", "a'\u0308a", ["a'\u0308a"], ["a", "a"]),
    ("a filler is blank", "a\u3164b", ["a\u3164b"], ["a", "b"]),
]


def icu_words(text: str) -> list[str]:
    utf16 = text.encode("utf-16-le")
    parts = [utf16[2 * first : 2 * last].decode("utf-16-le") for first, last in WordBreaker(text, "en").segments()]
    return [part for part in parts if any(map(str.isalnum, part))]


def compared(found: list[str]) -> list[str]:
    """Words without case, invisible characters, the kind of apostrophe, and emoji that a joiner binds to them."""
    return [canonical_form(word.rstrip("😀\U0001f3ff\u2701\U0001f6d1\ufe0f\u200d\u2060\u00ad")) for word in found]


@pytest.mark.parametrize(("text", "uax29", "ours"), [row[1:] for row in DIFFERENCES], ids=[r[0] for r in DIFFERENCES])
def test_the_differences_from_uax29(text: str, uax29: list[str], ours: list[str]) -> None:
    assert icu_words(text) == uax29
    assert words(text) == ours


@pytest.mark.parametrize("row", ROWS)
def test_the_word_break_data_of_unicode(row: str) -> None:
    parts = [part.replace("×", " ").split() for part in row.split("÷")]
    text = "".join(chr(int(code, 16)) for part in parts for code in part)
    expected = ["".join(chr(int(code, 16)) for code in part) for part in parts]
    # The differences above: signs that part words here.
    expected = [piece for part in expected for piece in part.translate(dict.fromkeys(map(ord, "_.,:"), " ")).split()]
    assert words(text) == compared([part for part in expected if any(map(str.isalnum, part))])


LETTERS = ["a", "א", "ن", "1", "\u0308", "\u00ad", "\u2060", "'", "’", "·", " ", "😀", "\ufe0f", "-", "\n"]


def differs_by_intention(text: str) -> bool:
    seen = text.replace("\u00ad", "").replace("\u2060", "").replace("\ufe0f", "").replace("’", "'")
    plain = seen.replace("\u0308", "")
    return (
        "א'" in plain or "1'" in plain or "'1" in plain or "'\u0308" in seen or "·\u0308" in seen or "1\u0308·" in seen
    )


def test_all_short_texts_have_the_words_of_icu() -> None:
    few = ["a", "א", "1", "\u0308", "\u2060", "'", "·", "😀", "\ufe0f"]
    for letters, length in ((LETTERS, 1), (LETTERS, 2), (LETTERS, 3), (few, 4)):
        for text in map("".join, itertools.product(letters, repeat=length)):
            if not differs_by_intention(text):
                assert compared(words(text)) == compared(icu_words(text)), text.encode("unicode_escape")
