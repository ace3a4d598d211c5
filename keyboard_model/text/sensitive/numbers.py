"""Numbers of four digits or more, in one run, in groups, or spelt out."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from keyboard_model.text.masking import Span
from keyboard_model.text.sensitive.codes import MAX_DIGITS, WORD
from keyboard_model.text.sensitive.folded_text import Features

_BETWEEN = r"[ \t.,;/()+•_*|~=°′″'\"\\…、。-]"
_EMOJI = "[\u2190-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
# `12:30` is no group; a card number with colons has four groups or more.
_GROUPS = re.compile(
    rf"(?<![\d:])\d++(?:(?:{_BETWEEN}{{1,3}}|{_EMOJI})\d+)+(?!:?\d)|(?<![\d:])\d{{1,6}}(?::\d{{1,6}}){{3,}}(?![\d:])"
)
_EXTENSION = re.compile(
    r",? ?(?:ext(?:ension)?|extn|x|durchwahl|dw|poste|int|anexo|доб)[. :]{1,2}\d{1,6}(?!\w)", re.IGNORECASE
)
_LETTERS_OF_A_NUMBER = re.compile(r"-[A-Z]{4,7}(?!\w)")

_SPELT = {
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
_IDEOGRAPHS = "".join(word for word in _SPELT if word >= "\u3007" and len(word) == 1)
_SPELT_WORD = rf"(?:{'|'.join(sorted((word for word in _SPELT if word not in _IDEOGRAPHS), key=len, reverse=True))})"
_SPELT_OUT = re.compile(
    rf"(?<![^\W_])(?:{_SPELT_WORD}|\d)(?:[ ,.•-]{{1,3}}(?:(?:double|triple|doppel) )?(?:{_SPELT_WORD}|\d)(?![^\W_]))"
    rf"{{{MAX_DIGITS},}}|[{_IDEOGRAPHS}]{{{MAX_DIGITS + 1},}}(?![年月日十百千万億亿])",
    re.IGNORECASE,
)
_FOUR_IDEOGRAPHS = re.compile(f"[{_IDEOGRAPHS}]{{{MAX_DIGITS + 1}}}")
_SPELT_WORD_IN = re.compile(_SPELT_WORD, re.IGNORECASE)
_SPELT_PART = re.compile(rf"{_SPELT_WORD}|\d|[{_IDEOGRAPHS}]", re.IGNORECASE)
_EVERYDAY = {"oh", "one", "un", "due", "sei", "een", "um", "null"}
SPELT_WORDS = frozenset(
    form + mark
    for word in _SPELT.keys() - _EVERYDAY
    for form in (word, word.capitalize(), word.upper())
    for mark in ("", ",", ".", "!")
)
"""Digits as words, as they stand in a message, to see quickly that it spells no number."""


def numbers(text: str) -> Iterator[Span]:
    """Yields the spans of numbers of more than `MAX_DIGITS` digits in folded text."""
    for match in _GROUPS.finditer(text):
        if _digits(match.group()) > MAX_DIGITS:
            yield match.start(), _with_extension(text, match.end())
    for match in WORD.finditer(text):
        if _digits(match.group()) > MAX_DIGITS:
            yield match.start(), _with_extension(text, match.end())


def spelt_numbers(features: Features) -> Iterator[Span]:
    """Yields the spans of more than `MAX_DIGITS` digits that are spelt out, but for those that count up or down."""
    text = features.text
    spelt = sum(word in _SPELT or word.isdigit() for word in features.words)
    if spelt <= MAX_DIGITS and not _FOUR_IDEOGRAPHS.search(text):
        return
    for match in _SPELT_OUT.finditer(text):
        if match.group()[0].isdigit() and not _SPELT_WORD_IN.search(match.group()):
            continue  # digits alone are the rule for groups
        parts = _SPELT_PART.findall(match.group())
        values = [int(part) if part.isdigit() and part.isascii() else _SPELT[part.lower()] for part in parts]
        steps = {after - before for before, after in itertools.pairwise(values)}
        if steps not in ({1}, {-1}):
            yield match.span()


def _with_extension(text: str, end: int) -> int:
    extension = _EXTENSION.match(text, end) or _LETTERS_OF_A_NUMBER.match(text, end)
    return extension.end() if extension else end


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))
