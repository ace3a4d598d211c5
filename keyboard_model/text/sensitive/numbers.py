"""Numbers of four digits or more, in one run, in groups, or spelt out."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from keyboard_model.text.masking import Span
from keyboard_model.text.sensitive.codes import MAX_DIGITS, UNSPACED
from keyboard_model.text.sensitive.folded_text import Features, lower_form

_BETWEEN = r"[ \t.,;/()+•_*|~=°′″'\"\\…、。-]"
_EMOJI = "[\u2190-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
# `12:30` is no group; a card number with colons has four groups or more.
_GROUPS = re.compile(
    r"\d(?<![\d:]\d)"  # the digit before the condition, because a search for a class of characters is quick
    rf"(?:\d*+(?:(?:{_BETWEEN}{{1,3}}|{_EMOJI})\d+)+(?!:?\d)|\d{{0,5}}(?::\d{{1,6}}){{3,}}(?![\d:]))"
)
# A run of letters, digits and apostrophes with more than `MAX_DIGITS` digits, from the first of them on.
_RUN = re.compile(rf"\d(?:(?:[^\W\d_{UNSPACED}]++|')*+\d){{{MAX_DIGITS}}}(?:[^\W_{UNSPACED}]++|')*+")
_LETTER = re.compile(rf"[^\W_{UNSPACED}]|'")
_EXTENSION = re.compile(
    r",? ?(?:ext(?:ension)?|extn|x|durchwahl|dw|poste|int|anexo|доб)[. :]{1,2}\d{1,6}(?!\w)", re.IGNORECASE
)
_LETTERS_OF_A_NUMBER = re.compile(r"-[A-Z]{4,7}(?!\w)")

_WRITTEN = {
    word: value
    for words in (
        "zero one two three four five six seven eight nine",
        "null eins zwei drei vier fünf sechs sieben acht neun",
        "zéro un deux trois quatre cinq six sept huit neuf",
        "cero uno dos tres cuatro cinco seis siete ocho nueve",
        "zero uno due tre quattro cinque sei sette otto nove",
        "zero um dois três quatro cinco seis sete oito nove",
        "nul een twee drie vier vijf zes zeven acht negen",
        "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć",
        "noll ett två tre fyra fem sex sju åtta nio",
        "sıfır bir iki üç dört beş altı yedi sekiz dokuz",
        "ноль один два три четыре пять шесть семь восемь девять",
        "nol satu dua tiga empat lima enam tujuh delapan sembilan",
        "〇 一 二 三 四 五 六 七 八 九",
        "零 壹 贰 叁 肆 伍 陆 柒 捌 玖",
    )
    for value, word in enumerate(words.split())
} | {"oh": 0, "nought": 0, "zwo": 2, "meia": 6, "ноль": 0, "нуль": 0}
_SPELT = {lower_form(word): value for word, value in _WRITTEN.items()}
SPELT_CUES = frozenset(_SPELT)
"""One of these is among the words of every text in ASCII that spells a number out."""
_IDEOGRAPHS = "".join(word for word in _SPELT if word >= "\u3007" and len(word) == 1)
_SPELT_WORD = rf"(?:{'|'.join(sorted((word for word in _SPELT if word not in _IDEOGRAPHS), key=len, reverse=True))})"
_SPELT_OUT = re.compile(
    rf"(?<![^\W_])(?:{_SPELT_WORD}|\d)(?:[ ,.•-]{{1,3}}(?:(?:double|triple|doppel) )?(?:{_SPELT_WORD}|\d)(?![^\W_]))"
    rf"{{{MAX_DIGITS},}}|[{_IDEOGRAPHS}]{{{MAX_DIGITS + 1},}}(?![年月日十百千万億亿])",
)
_FOUR_IDEOGRAPHS = re.compile(f"[{_IDEOGRAPHS}]{{{MAX_DIGITS + 1}}}")
_SPELT_WORD_IN = re.compile(_SPELT_WORD)
_SPELT_PART = re.compile(rf"{_SPELT_WORD}|\d|[{_IDEOGRAPHS}]")
_EVERYDAY = {"oh", "one", "un", "due", "sei", "een", "um", "null"}
SPELT_WORDS = frozenset(
    form + mark
    for word in _WRITTEN.keys() - _EVERYDAY
    for form in (word, word.capitalize(), word.upper())
    for mark in ("", ",", ".", "!")
)
"""Digits as words, as they stand in a message, to see quickly that it spells no number."""


def numbers(text: str) -> list[Span]:
    """Returns the spans of numbers of more than `MAX_DIGITS` digits in folded text."""
    spans = [match.span() for match in _GROUPS.finditer(text) if _has_many_digits(match.group())]
    spans += [(_beginning(text, match.start()), match.end()) for match in _RUN.finditer(text)]
    return [(first, _with_extension(text, last)) for first, last in spans]


def _beginning(text: str, digit: int) -> int:
    """Returns where the run begins whose first digit is at `digit`; few have a letter before it."""
    while digit and _LETTER.match(text, digit - 1):
        digit -= 1
    return digit


def spelt_numbers(features: Features) -> Iterator[Span]:
    """Yields the spans of more than `MAX_DIGITS` digits that are spelt out, but for those that count up or down."""
    lower = features.lower
    if (
        SPELT_CUES.isdisjoint(features.words)
        or sum(word in _SPELT or word.isdigit() for word in features.words) <= MAX_DIGITS
    ) and (lower.isascii() or not _FOUR_IDEOGRAPHS.search(lower)):
        return
    for match in _SPELT_OUT.finditer(lower):
        if match.group()[0].isdigit() and not _SPELT_WORD_IN.search(match.group()):
            continue  # digits alone are the rule for groups
        parts = _SPELT_PART.findall(match.group())
        values = [_SPELT[part] if part in _SPELT else int(part) for part in parts]
        steps = {after - before for before, after in itertools.pairwise(values)}
        if steps not in ({1}, {-1}):
            yield match.span()


def _with_extension(text: str, end: int) -> int:
    extension = _EXTENSION.match(text, end) or _LETTERS_OF_A_NUMBER.match(text, end)
    return extension.end() if extension else end


def _has_many_digits(group: str) -> bool:
    # At most three characters stand between two digits of a group.
    return len(group) > 4 * MAX_DIGITS or sum(map(str.isdigit, group)) > MAX_DIGITS
