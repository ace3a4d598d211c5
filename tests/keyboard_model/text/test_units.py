"""What a word is, in every kind of script and with every kind of rubbish between the words."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyboard_model.text.casing import lower_case
from keyboard_model.text.units import MARKS, MAX_LETTERS, PLACEHOLDER, Kind, Sign, normalize, units, words

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
    "cyrillic": ("Привет, как п’ять?", ["привет", "как", "п'ять"]),
    "polytonic greek": ("Ἐν ἀρχῇ ἦν ὁ λόγος·", ["ἐν", "ἀρχῇ", "ἦν", "ὁ", "λόγος"]),
    "persian, with non-joiners": ("من می\u200cخواهم بروم", ["من", "می\u200cخواهم", "بروم"]),
    "arabic, with vowel signs": ("كِتَابٌ عـلـي", ["كِتَابٌ", "علي"]),
    "hebrew, with points and signs": ('צה"ל צ׳יפס שָׁלוֹם ג׳', ["צה״ל", "צ'יפס", "שָׁלוֹם", "ג׳"]),
    "bengali": ("আমি বাংলায় লিখি।", ["আমি", "বাংলায়", "লিখি"]),
    "tamil": ("நான் வருகிறேன்.", ["நான்", "வருகிறேன்"]),
    "telugu, with a non-joiner": ("ఫేస్\u200cబుక్ లో", ["ఫేస్\u200cబుక్", "లో"]),
    "malayalam, with a joiner at the end": ("അവന്\u200d വന്നു", ["അവന്\u200d", "വന്നു"]),
    "sinhala, with a joiner": ("ශ්\u200dරී ලංකා", ["ශ්\u200dරී", "ලංකා"]),
    "lao": ("ສະບາຍດີ", ["ສະບາຍດີ"]),
    "khmer": ("ខ្ញុំស្រលាញ់", ["ខ្ញុំ", "ស្រលាញ់"]),
    "myanmar": ("မင်္ဂလာပါ။", ["မင်္ဂလာ", "ပါ"]),
    "kana": ("ありがとう、またね。", ["ありがとう", "また", "ね"]),
    "georgian": ("გამარჯობა ᲗᲑᲘᲚᲘᲡᲘ", ["გამარჯობა", "თბილისი"]),
    "armenian, with a question in the word": ("Ինչո՞ւ ես։", ["ինչու", "ես"]),
    "ethiopic": ("ሰላም፡ነው።", ["ሰላም", "ነው"]),
    "mongolian": ("ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ᠃", ["ᠮᠣᠩᠭᠣᠯ", "ᠪᠢᠴᠢᠭ"]),
    "tibetan": ("བོད་ཡིག", ["བོད", "ཡིག"]),
    "catalan": ("Col·legi paral·lel", ["col·legi", "paral·lel"]),
    "uzbek and hawaiian": ("Oʻzbek togʻ ʻOkina", ["o'zbek", "togʻ", "ʻokina"]),
    "turkish": ("İSTANBUL güzel ılık", ["istanbul", "güzel", "ılık"]),
    "german": ("geht´s, Straße STRASSE", ["geht's", "straße", "strasse"]),
    "adlam": ("𞤀𞤣𞤤𞤢𞤥", ["𞤢𞤣𞤤𞤢𞤥"]),
}


@pytest.mark.parametrize(("message", "expected"), SCRIPTS.values(), ids=SCRIPTS)
def test_words_of_every_script(message, expected):
    assert words(message) == expected


@pytest.mark.parametrize(
    "message",
    [
        "",
        "   ",
        "''",
        "' '",
        "…",
        "😀",
        "<#> <URL> <DECIMAL>",
        "\x00",
        "\ud800",
        "\u200d",
        "1️⃣",
        "ℹ️",
        "🇩🇪",
        "ـ",
        "\u3164",
    ],
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
            assert unit.text == lower_case(plain[unit.start : unit.end])
            assert any(c.isalnum() for c in unit.text)
            assert words(unit.text) == [unit.text]
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


EMOJI = [
    "❤️",
    "☎️",
    "👩\u200d👩\u200d👧",
    "👍🏽",
    "1️⃣",
    "#️⃣",
    "🇩🇪",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "ℹ️",
    "㊗️",
]


@pytest.mark.parametrize("emoji", EMOJI)
@pytest.mark.parametrize(
    "after", ["", "\ufe0f", "\ufe0e", "\u200d", "\u0301", "\u20e3", "\u034f", "\U000e0041", "\u200b\u0338"]
)
def test_all_that_belongs_to_an_emoji_stays_out_of_the_word_beside_it(emoji: str, after: str) -> None:
    message = f"Zanna{emoji}{after}Zanna {emoji}{after}"
    assert [(unit.kind, unit.text) for unit in units(message)] == [
        (Kind.WORD, "zanna"),
        (Kind.MARK, ";"),
        (Kind.WORD, "zanna"),
        (Kind.MARK, ";"),
    ]
    assert {unit.sign for unit in units(message) if unit.kind is Kind.MARK} == {Sign.EMOJI}


@pytest.mark.parametrize("sign", ["'", "’", "‘", "´", "`", "ʻ", "ʼ", "′", "＇", "‛"])
def test_an_apostrophe_between_letters_has_one_form(sign: str) -> None:
    assert words(f"I don{sign}t") == ["i", "don't"]


@pytest.mark.parametrize(
    "quoted",
    [
        "'maybe'",
        "‘maybe’",
        "’maybe’",
        "`maybe`",
        "´maybe´",
        '"maybe"',
        "“maybe”",
        "„maybe“",
        "«maybe»",
        "''maybe''",
        "maybe'",
    ],
)
def test_a_quotation_mark_at_an_edge_is_no_part_of_a_word(quoted: str) -> None:
    assert words(f"he said {quoted} again") == ["he", "said", "maybe", "again"]
    assert words("rock 'n' roll, the dogs' bed") == ["rock", "n", "roll", "the", "dogs", "bed"]
    assert words("׳אולי׳ ״אולי״") == ["אולי", "אולי"]


@pytest.mark.parametrize(
    ("letter", "most"),
    [("h", 48), ("ü", 48), ("u\u0308\u0323", 48), ("가", 48), ("ㅋ", 48), ("a\u0300\u0301\u0302\u0303\u0304", 38)],
)
def test_a_run_of_too_many_letters_is_a_placeholder(letter: str, most: int) -> None:
    assert words(letter * most) != []
    for number in (most + 1, 10_000):
        (unit,) = units(letter * number)
        assert (unit.kind, unit.text) == (Kind.PLACEHOLDER, PLACEHOLDER)
    assert MAX_LETTERS == 48


@pytest.mark.parametrize(
    ("before", "sign"),
    [
        *[(f"ok{stop} ", Sign.STOP) for stop in (".", "?", "!", "…", "。", "؟", "।", "։", "!!", "?!")],
        ("Πού είσαι; ", Sign.STOP),
        *[(opening, Sign.OPENING) for opening in "¿¡([{“‘«「„\""],
        *[(opening, Sign.OPENING) for opening in ("ok (", 'ok "', "ok “")],
        *[(f"ok{closing} ", Sign.CLOSING) for closing in (")", "]", "}", "”", "»", '"', ".”", "?)", "“")],
        *[(f"ok\n{bullet} ", Sign.BULLET) for bullet in ("-", "*", "•", "–", "▪")],
        ("- ", Sign.BULLET),
        ("ok 😀", Sign.EMOJI),
        ("ok ❤️ ", Sign.EMOJI),
        ("ok, ", Sign.OTHER),
        ("ok; ", Sign.OTHER),
        ("ok - ", Sign.OTHER),
        ("ok: ", Sign.OTHER),
    ],
)  # fmt: skip
def test_a_mark_says_what_it_is(before: str, sign: Sign) -> None:
    assert units(before)[-1].sign is sign


def test_a_unit_knows_of_the_line_break_after_it() -> None:
    for line_break in ("\n", "\r\n", "\u2028", "\u2029", "\x85", " \n "):
        assert [unit.line_break for unit in units(f"ok{line_break}no yes{line_break}")] == [True, False, True]
    assert [unit.line_break for unit in units("é!\n! a")] == [False, False, False]


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "é;",
        "é ;",
        "ل\u200c",
        "क्\u200d",
        "❤\ufe0f\u200d",
        "\u0301",
        "a'",
        "‘",
        "é\n",
        "1\u20e3",
        "ͷ ",
        "\u200b",
        "ن\u064e",
    ],
)
def test_the_time_is_linear_in_the_text(part: str) -> None:
    started = time.process_time()
    units(part * 10_000)
    units("é" + part * 10_000)
    assert time.process_time() - started < 4
