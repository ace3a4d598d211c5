"""What a word is, in every kind of script and with every kind of rubbish between the words."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyboard_model.text.units import MARKS, PLACEHOLDER, Kind, normalize, units, words

SCRIPTS = {
    "english": ("See you at 5, ok?", ["see", "you", "at", "5", "ok"]),
    "apostrophes": ("I'm sure they can’t", ["i'm", "sure", "they", "can't"]),
    "accents": ("Überraschung, ÇA VA?", ["überraschung", "ça", "va"]),
    "greek": ("ΟΔΟΣ και", ["οδος", "και"]),
    "chinese": ("我们今天去吃饭吧。", ["我们", "今天", "去", "吃饭", "吧"]),
    "thai": ("สวัสดีครับคุณสบายดีไหม", ["สวัสดี", "ครับ", "คุณ", "สบาย", "ดี", "ไหม"]),
    "arabic, right to left": ("مرحبا كيف حالك؟", ["مرحبا", "كيف", "حالك"]),
    "hindi, with matras": ("नमस्ते आप कैसे हैं?", ["नमस्ते", "आप", "कैसे", "हैं"]),
    "korean": ("한국어 메시지", ["한국어", "메시지"]),
    "astral Han": ("𠮷野家で食べる", ["𠮷", "野家", "で", "食べる"]),
    "two scripts in one run": ("ok我们ok", ["ok", "我们", "ok"]),
    "emoji between words": ("hi 😀😀there👩‍👩‍👧", ["hi", "there"]),
}


@pytest.mark.parametrize(("message", "expected"), SCRIPTS.values(), ids=SCRIPTS)
def test_words_of_every_script(message, expected):
    assert words(message) == expected


@pytest.mark.parametrize(
    "message", ["", "   ", "''", "' '", "…", "😀", "<#> <URL> <DECIMAL>", "\x00", "\ud800", "\u200d"]
)
def test_messages_without_a_word(message):
    assert words(message) == []


def test_units_of_a_whole_message():
    found = [(unit.kind, unit.text, unit.start, unit.end) for unit in units("Wait... <#>?! Yes")]
    assert found == [
        (Kind.WORD, "wait", 0, 4),
        (Kind.MARK, ".", 4, 5),
        (Kind.PLACEHOLDER, "<#>", 8, 11),
        (Kind.MARK, "?", 11, 12),
        (Kind.MARK, "!", 12, 13),
        (Kind.WORD, "yes", 14, 17),
    ]


@pytest.mark.parametrize(
    ("signs", "mark"), [(".…。।۔", "."), (",，、،", ","), ("?？؟", "?"), ("!！", "!"), (";:-_@😀\x00", ";")]
)
def test_every_sign_becomes_one_of_a_few_marks(signs, mark):
    for sign in signs:
        assert [unit.text for unit in units(f"a{sign}b")] == ["a", mark, "b"]


def test_repeated_marks_count_once_and_a_word_between_parts_them():
    assert [unit.text for unit in units("a!!! ! b!")] == ["a", "!", "b", "!"]


def test_placeholders_are_placeholders_next_to_words_and_nothing_else_is():
    assert [unit.text for unit in units("abc<#>def")] == ["abc", PLACEHOLDER, "def"]
    assert Kind.PLACEHOLDER not in {unit.kind for unit in units("<3 i < you > me <a1> <>")}


def test_nul_and_broken_surrogates_part_words():
    assert words("a\x00b \ud800cde\udfff 我\udc00们") == ["a", "b", "cde", "我", "们"]


def test_composed_and_decomposed_letters_are_one_word():
    assert words("cafe\u0301") == words("café") == ["café"]


def test_ten_thousand_words():
    assert words("haha ok, " * 5_000) == ["haha", "ok"] * 5_000
    assert len(words("我们 " * 10_000)) == 10_000


@given(st.text())
def test_units_lie_in_order_inside_the_normalized_message(message):
    plain, last = normalize(message), 0
    for unit in units(message):
        assert last <= unit.start < unit.end <= len(plain)
        last = unit.end
        if unit.kind is Kind.WORD:
            assert unit.text == plain[unit.start : unit.end].lower()
            assert any(c.isalnum() for c in unit.text)
        else:
            assert unit.text in (MARKS if unit.kind is Kind.MARK else {PLACEHOLDER})


@settings(max_examples=200)
@given(st.text(st.characters(codec="utf-8")))
def test_no_two_equal_marks_follow_each_other(message):
    found = units(message)
    for one, other in itertools.pairwise(found):
        assert one.kind is not Kind.MARK or other.kind is not Kind.MARK or one.text != other.text


@given(st.text(max_size=30))
def test_normalizing_twice_changes_nothing(message):
    assert normalize(normalize(message)) == normalize(message)


@given(st.text("abcéß'0123 .,!?<#>", max_size=40))
def test_a_word_is_itself_when_it_stands_alone(message):
    for word in words(message):
        assert words(word) == [word]
