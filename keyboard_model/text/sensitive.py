"""Finds what must not be learned in any message, and replaces it by a placeholder.

Sensitive text is always masked: numbers of four digits or more, e-mail addresses and URLs. Codes, card numbers and
telephone numbers count as numbers, also with spaces, hyphens, dots or slashes between their digits. The rules mask too
much rather than too little: `12.30` and `10/3/2015` are masked, too; `12:30` is not.
"""

from __future__ import annotations

import re

from keyboard_model.text.masking import replace_spans
from keyboard_model.text.units import Kind, normalize, units

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
