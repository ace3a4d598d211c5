"""Replaces parts of a text by a placeholder, so that the model does not learn them.

Sensitive text is always masked: numbers of four digits or more, e-mail addresses and URLs. Codes, card numbers and
telephone numbers count as numbers, also with spaces, hyphens, dots or slashes between their digits. The rules mask too
much rather than too little: `12.30` and `10/3/2015` are masked, too; `12:30` is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from keyboard_model.text.units import PLACEHOLDER, Kind, normalize, units

Span = tuple[int, int]


def replace_spans(text: str, spans: Iterable[Span]) -> str:
    """Returns `text` with each span replaced by a placeholder; spans that touch or overlap share one."""
    made: list[str] = []
    end = 0
    for first, last in sorted(spans):
        if made and first <= end:
            end = max(end, last)
            continue
        made += [text[end:first], PLACEHOLDER]
        end = last
    return "".join([*made, text[end:]])


def canonical_form(word: str) -> str:
    """Returns the word in lower case and without quotes around it, to compare spellings."""
    return normalize(word).lower().strip("'")


def mask_words(text: str, gone: Callable[[str], bool]) -> str:
    """Returns `text` with every word masked whose canonical form is `gone`; unchanged if there is none."""
    normal = normalize(text)
    spans = [
        (unit.start, unit.end)
        for unit in units(normal)
        if unit.kind is not Kind.MARK and gone(canonical_form(normal[unit.start : unit.end].strip("<>")))
    ]
    return replace_spans(normal, spans) if spans else text


MAX_DIGITS = 3
"""Most digits of a number that is not masked."""

# Each alternative starts at the start of a run of characters or at a literal, so the search time is linear.
_LOCAL = r"[\w.!#$%&'*+/=?^`{|}~-]"
_DOMAINS = "com|org|net|edu|gov|mil|int|info|biz|io|app|dev|ly"
_ADDRESS = re.compile(
    rf"(?<!{_LOCAL}){_LOCAL}++@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![A-Za-z])[A-Za-z][A-Za-z0-9+.-]{0,30}://\S+"
    r"|(?<!\w)www\.\S+"
    rf"|(?<![\w.-])(?:[\w-]+\.)+(?:{_DOMAINS})(?![\w-])(?:[/?#:]\S*)?"
    r"|(?<![\w.-])(?:[\w-]+\.)+[^\W\d_]{2,}/\S+",
    re.IGNORECASE,
)
_PERHAPS_ADDRESS = re.compile(r"\.[\w-]|[wW]\.|://")  # in all that `_ADDRESS` finds and in few messages: 1 us, not 4
_DIGIT_GROUPS = re.compile(r"(?<![\d:])\d+(?:[ \t\u00a0\u2009.,/()+\u2010-\u2015-]{1,3}\d+)+(?!:?\d)")


def mask_sensitive(text: str) -> str:
    """Returns `text` with all sensitive parts masked; unchanged if there are none.

    >>> mask_sensitive("call 9123 4567 at 8, see example.com/me")
    'call <#> at 8, see <#>'
    """
    normal = normalize(text)
    found = normal
    if _PERHAPS_ADDRESS.search(normal):
        found = replace_spans(normal, [match.span() for match in _ADDRESS.finditer(normal)])
    if _digits(found) > MAX_DIGITS:
        found = replace_spans(found, [*_groups(found), *_runs(found)])
    return text if found == normal else found


def _groups(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _DIGIT_GROUPS.finditer(text) if _digits(match.group()) > MAX_DIGITS]


def _runs(text: str) -> list[tuple[int, int]]:
    """Returns the spans of words with too many digits: long numbers, and codes such as `x7k2m94q`."""
    return [
        (unit.start, unit.end)
        for unit in units(text)
        if unit.kind is Kind.WORD and _digits(text[unit.start : unit.end]) > MAX_DIGITS
    ]


def _digits(text: str) -> int:
    return sum(map(str.isdecimal, text))
