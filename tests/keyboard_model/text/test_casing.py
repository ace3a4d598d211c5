"""Upper and lower case, and which spellings are one word for a list."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyboard_model.text.casing import canonical_form, lower_case, upper_case
from keyboard_model.text.units import words

FORMS = [
    [
        "anna",
        "Anna",
        "ANNA",
        "'anna'",
        "anna'",
        "‘anna’",
        "ＡＮＮＡ",
        "𝐀nna",
        "an\u200bna",
        "an\u00adna",
        "Anna\ufe0f",
        "\u200fanna",
    ],
    ["irem", "İrem", "IREM", "İREM", "Irem", "ırem", "I\u0307rem", "i\u0307rem"],
    ["straße", "Straße", "STRASSE", "STRAẞE", "strasse"],
    ["οδος", "ΟΔΟΣ", "οδοσ", "Οδός".replace("ό", "ο")],
    ["find", "ﬁnd", "FIND", "ﬁND"],
    ["ǆep", "ǅep", "Ǆep", "džep"],
    ["don't", "don’t", "DON´T", "Don`t", "don‘t", "donʼt", "don＇t"],
    ["می\u200cخواهم", "میخواهم", "می\u200c\u200cخواهم", "مـیخواهم"],
    ["علي", "عَلِي", "عـلـي"],
    ["שלום", "שָׁלוֹם"],
    ["ինչու", "Ինչո՞ւ", "ԻՆՉՈՒ"],
    ["თბილისი", "ᲗᲑᲘᲚᲘᲡᲘ"],
    ["café", "cafe\u0301", "CAFÉ"],
    ["åse", "Åse", "A\u030ase", "Åse"],
    ["ĳs", "ijs", "IJs"],
]


@pytest.mark.parametrize("forms", FORMS, ids=[forms[0] for forms in FORMS])
def test_all_spellings_of_a_word_have_one_canonical_form(forms: list[str]) -> None:
    assert len(set(map(canonical_form, forms))) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("café", "cafe"), ("dont", "don't"), ("l·l", "ll"), ("ö", "o"), ("и", "й"), ("か", "が")]
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert canonical_form(one) != canonical_form(other)


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "Mn", "Mc", "Cf")), max_size=8))
def test_the_canonical_form_is_that_of_every_case_and_is_stable(text: str) -> None:
    for word in words(text):
        canonical = canonical_form(word)
        assert canonical_form(canonical) == canonical
        for form in (word.upper(), word.lower(), word.title(), word.casefold(), lower_case(word), upper_case(word)):
            assert canonical_form(form) == canonical
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            assert canonical_form(unicodedata.normalize(form, word)) == canonical


def test_every_letter_has_the_canonical_form_of_its_capital() -> None:
    for code in (*range(0x3000), *range(0xA640, 0xAC00), *range(0xFB00, 0xFB20), *range(0x10400, 0x10600)):
        letter = chr(code)
        if letter.isalpha():
            assert {canonical_form(form) for form in (letter.upper(), letter.title(), lower_case(letter))} == {
                canonical_form(letter)
            }


@pytest.mark.parametrize(
    ("written", "lower"),
    [
        ("İ", "i"),
        ("I", "i"),
        ("ı", "ı"),
        ("I\u0307", "i"),
        ("ΟΔΟΣ", "οδος"),
        ("ẞ", "ß"),
        ("ǅ", "ǆ"),
        ("Ი", "ი"),
        ("İ\u0301", "í"),
    ],
)
def test_lower_case(written: str, lower: str) -> None:
    assert lower_case(written) == lower


def test_capitals_keep_different_words_apart() -> None:
    assert upper_case("straße") == "STRAẞE" != upper_case("strasse")
    assert lower_case(upper_case("straße")) == "straße"
