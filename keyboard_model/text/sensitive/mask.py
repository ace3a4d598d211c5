"""Masks all that is sensitive in a message, and lets plain messages through quickly."""

from __future__ import annotations

import re

from keyboard_model.text.masking import Span, replace_spans
from keyboard_model.text.sensitive.addresses import SPELT_SIGNS, addresses
from keyboard_model.text.sensitive.codes import MAX_DIGITS, codes
from keyboard_model.text.sensitive.cues import (
    ANNOUNCING_WORDS,
    announced,
    announces_birth,
    announces_secret,
    may_announce,
    may_announce_birth,
)
from keyboard_model.text.sensitive.folded_text import Features, fold
from keyboard_model.text.sensitive.numbers import SPELT_WORDS, numbers, spelt_numbers
from keyboard_model.text.sensitive.ordinary import birth_dates, ordinary_numbers
from keyboard_model.text.units import normalize

# What every rule but those for words needs at least one of; few messages have any. The first two patterns are quick,
# the third tells smileys from addresses. Beyond ASCII there are digits that `\d` does not match, and full-width signs.
_SIGN = re.compile(r"[0-9@:=/\\~+_\"(\[{]")
_SIGN_BEYOND_ASCII = re.compile(
    r"[\d@:=/\\~+_\"(\[{密²³¹\u1369-\u137a⁰-⁹₀-₉①-⒛⓪-⓿❶-➓\u3248-\u325f\u32b1-\u32bf〇一二三四五六七八九零壹贰叁肆伍陆柒捌玖＠：＝／＋（［．｡"
    "\u2024\U00010107-\U00011fff\U0001d2e0-\U0001d371\U0001f100-\U0001f10a\U0001f51f\U0001fbf0-\U0001fbf9]"
)
_PROMISING_SIGN = re.compile(
    r"[0-9@\\~+]|_\w{4}|[:=] ?[^\s()\[\]/\\|*;:><.,-]{2}|/[/\w]|[(\[{] ?(?:at|ät|a\)|a\]|ar|dot|pu|po|\.)|\"\w",
    re.IGNORECASE,
)
_WORD_AFTER_DOT = re.compile(r"\.\w")
_HYPHENS = re.compile(r"-\w(?:\w*-|\w{11})")
_TELLING_WORDS = SPELT_WORDS | ANNOUNCING_WORDS | SPELT_SIGNS
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
        found = replace_spans(found, map(folded.original, spans))
    return text if found == normal else found


def _is_plain(text: str) -> bool:
    if text.isascii():
        if _SIGN.search(text) and _PROMISING_SIGN.search(text):
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
    spans = [*addresses(features), *codes(features), *announced(features), *spelt_numbers(features)]
    if features.digits > MAX_DIGITS and (found := list(numbers(text))):
        birth = may_announce_birth(features)
        spans += birth_dates(text, birth and announces_birth(text))
        spans += numbers(_without_ordinary(text, found, birth or may_announce(features)))
    return spans


def _without_ordinary(text: str, found: list[Span], may_announce: bool) -> str:
    """Returns folded text with the ordinary ones of the numbers `found` blanked.

    In a line that announces a secret or a birth, none is ordinary.
    """
    announcing = _announcing_lines(text) if may_announce else []
    made: list[str] = []
    end = 0
    for first, last in sorted(ordinary_numbers(text, found)):
        while announcing and announcing[-1][1] <= first:
            announcing.pop()
        if last <= end or (announcing and announcing[-1][0] <= first):
            continue
        first = max(first, end)
        made += [text[end:first], _BLANK * (last - first)]
        end = last
    return "".join([*made, text[end:]])


def _announcing_lines(text: str) -> list[Span]:
    """Returns the spans of the lines that announce a secret or a birth, the last one first."""
    lines: list[Span] = []
    start = 0
    for line in text.splitlines(keepends=True):
        if announces_secret(line) or announces_birth(line):
            lines.append((start, start + len(line)))
        start += len(line)
    return lines[::-1]
