"""Masks all that is sensitive in a message, and lets plain messages through quickly."""

from __future__ import annotations

import re

from keyboard_model.text.masking import Span, replace_spans
from keyboard_model.text.sensitive.addresses import SPELT_SIGNS, addresses
from keyboard_model.text.sensitive.codes import MAX_DIGITS, codes
from keyboard_model.text.sensitive.cues import (
    ANNOUNCING_WORDS,
    CUES,
    announced,
    announces_birth,
    announces_secret,
    may_announce_birth,
    may_announce_secret,
)
from keyboard_model.text.sensitive.folded_text import Features, fold
from keyboard_model.text.sensitive.numbers import SPELT_CUES, SPELT_WORDS, numbers, spelt_numbers
from keyboard_model.text.sensitive.ordinary import birth_dates, may_be_birth_date, ordinary_numbers
from keyboard_model.text.units import normalize

# What every rule but those for words needs at least one of; few messages have any. The first two patterns are quick,
# `_PROMISING_SIGN` tells smileys from addresses. Beyond ASCII there are more digits, and full-width signs.
_DIGIT = re.compile("[0-9]")
_SIGN = re.compile(r"[@:=/\\~+_\"(\[{]")
_SIGN_BEYOND_ASCII = re.compile(
    r"[\d@:=/\\~+_\"(\[{密²³¹\u1369-\u137a⁰-⁹₀-₉①-⒛⓪-⓿❶-➓\u3248-\u325f\u32b1-\u32bf〇一二三四五六七八九零壹贰叁肆伍陆柒捌玖＠：＝／＋（［．｡"
    "\u2024\U00010107-\U00011fff\U0001d2e0-\U0001d371\U0001f100-\U0001f10a\U0001f51f\U0001fbf0-\U0001fbf9]"
)
_PROMISING_SIGN = re.compile(
    r"[@\\~+]|_\w{4}|[:=] ?[^\s()\[\]/\\|*;:><.,-]{2}|/[/\w]|[(\[{] ?(?:at|ät|a\)|a\]|ar|dot|pu|po|\.)|\"\w",
    re.IGNORECASE,
)
_WORD_AFTER_DOT = re.compile(r"\.\w")
_HYPHENS = re.compile(r"-\w(?:\w*-|\w{11})")
_TELLING_WORDS = SPELT_WORDS | ANNOUNCING_WORDS | SPELT_SIGNS | frozenset(map(str.upper, SPELT_SIGNS))
_CUES = CUES | SPELT_CUES
_BLANK = "\x00"  # no rule matches it
_PASSES = 4


def mask_sensitive(text: str) -> str:
    """Returns `text` with all sensitive parts masked; unchanged if there are none.

    >>> mask_sensitive("call 9123 4567 at 8, see example.com/me")
    'call <#> at 8, see <#>'
    """
    normal = found = normalize(text)
    # What is masked may have been what made a number beside it ordinary.
    for _ in range(_PASSES):
        if _is_plain(found):
            break
        folded = fold(found)
        spans = _spans(folded.text)
        if not spans:
            break
        found = replace_spans(found, folded.original(spans))
    return text if found == normal else found


def _is_plain(text: str) -> bool:
    if text.isascii():
        if _DIGIT.search(text) or (_SIGN.search(text) and _PROMISING_SIGN.search(text)):
            return False
    elif _SIGN_BEYOND_ASCII.search(text):
        return False
    if "." in text and (_WORD_AFTER_DOT.search(text) or "ww." in text or "WW." in text):
        return False
    if ("-" in text and _HYPHENS.search(text)) or "<<" in text:
        return False
    return _TELLING_WORDS.isdisjoint(text.split())


def _spans(text: str) -> list[Span]:
    """Returns the spans of folded text that are sensitive; they may overlap."""
    features = Features.of(text)
    spans = [*addresses(features), *codes(features)]
    if not (text.isascii() and _CUES.isdisjoint(features.cues)):
        spans += [*announced(features), *spelt_numbers(features)]
    if features.digits > MAX_DIGITS and (found := numbers(text)):
        if may_be_birth_date(features.lower):
            birth = may_announce_birth(features) and announces_birth(features.lower)
            spans += birth_dates(features.lower, birth)
        spans += _without_ordinary(features, found)
    return spans


def _without_ordinary(features: Features, found: list[Span]) -> list[Span]:
    """Returns the spans of the numbers `found` that are not ordinary.

    In a line that announces a secret or a birth, none is ordinary.
    """
    ordinary = sorted(ordinary_numbers(features.lower, found))
    if not ordinary:
        return found
    may_announce = may_announce_secret(features) or may_announce_birth(features)
    announcing = _announcing_lines(features.lower) if may_announce else []
    made: list[str] = []
    end = 0
    for first, last in ordinary:
        while announcing and announcing[-1][1] <= first:
            announcing.pop()
        if last <= end or (announcing and announcing[-1][0] <= first):
            continue
        first = max(first, end)
        made += [features.text[end:first], _BLANK * (last - first)]
        end = last
    # What is left of a group may be no number by itself.
    return numbers("".join([*made, features.text[end:]])) if made else found


def _announcing_lines(lower: str) -> list[Span]:
    """Returns the spans of the lines that announce a secret or a birth, the last one first."""
    lines: list[Span] = []
    start = 0
    for line in lower.splitlines(keepends=True):
        if announces_secret(line) or announces_birth(line):
            lines.append((start, start + len(line)))
        start += len(line)
    return lines[::-1]
