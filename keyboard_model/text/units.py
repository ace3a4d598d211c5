"""Splits messages into words, marks and placeholders: the definition of a word for all of Thumbprint.

A word is a maximal run of letters, digits and apostrophes, lower-cased; in scripts that put no
spaces between words (Chinese, Japanese, Thai, ...), ICU's word breaker decides. Everything else in a message is a
*mark* (punctuation, kept as context) or a *placeholder* (`<#>`, `<URL>`: a corpus's replacement of private text).
Neither is a word.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    WORD = "word"
    MARK = "mark"
    PLACEHOLDER = "placeholder"


@dataclass(frozen=True, slots=True)
class Unit:
    """One word, mark or placeholder of a message.

    Attributes:
        kind: Word, mark or placeholder.
        text: Normalized: a lower-cased word, one of `MARKS`, or `PLACEHOLDER`.
        start: Offset of its first character in `normalize(message)`.
        end: Offset after its last character.
    """

    kind: Kind
    text: str
    start: int
    end: int


MARKS = (".", ",", "?", "!", ";")
PLACEHOLDER = "<#>"
_OTHER_MARK = ";"
_MARK_OF = {
    **dict.fromkeys(".…。।۔", "."),
    **dict.fromkeys(",，、،", ","),
    **dict.fromkeys("?？؟", "?"),
    **dict.fromkeys("!！", "!"),
}

_PLACEHOLDER = r"<\#>|<[A-Za-z]{2,12}>"
# Blocks of the scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_ASCII_UNIT = re.compile(rf"(?P<placeholder>{_PLACEHOLDER})|(?P<word>[A-Za-z0-9']+)|(?P<mark>[^\sA-Za-z0-9'])")


@functools.cache
def _unicode_unit() -> re.Pattern[str]:
    # `\w` does not match combining marks, so it would split Indic words.
    combining = "".join(c for c in map(chr, range(0x300, 0x1E000)) if unicodedata.category(c) in ("Mn", "Mc"))
    word = rf"(?:[^\W_]|['{combining}\u200d])"
    return re.compile(rf"(?P<placeholder>{_PLACEHOLDER})|(?P<word>{word}+)|(?P<mark>[^\s])")


def normalize(text: str) -> str:
    """Returns `text` in NFC with plain apostrophes; the offsets of units refer to it."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text.replace("’", "'").replace("ʼ", "'"))


def _break_unspaced(run: str) -> Iterator[tuple[int, int]]:
    """Yields the (start, end) of each word in a run with an unspaced script."""
    from icu4py.breakers import WordBreaker  # loading ICU is slow and needed only here

    utf16 = run.encode("utf-16-le")  # ICU counts UTF-16 units
    offset = 0
    for first, last in WordBreaker(run, "en").segments():
        length = len(utf16[2 * first : 2 * last].decode("utf-16-le"))
        yield offset, offset + length
        offset += length


def _words_in(run: str) -> Iterator[tuple[int, int]]:
    if not run.isascii() and _UNSPACED.search(run):
        yield from _break_unspaced(run)
    else:
        yield 0, len(run)


def units(text: str) -> list[Unit]:
    """Splits a message into words, marks and placeholders, in order.

    Args:
        text: A message, in any script; need not be normalized.

    Returns:
        The units; repeated marks (`...`, `!!`) count once.
    """
    text = normalize(text)
    pattern = _ASCII_UNIT if text.isascii() else _unicode_unit()
    found: list[Unit] = []
    for match in pattern.finditer(text):
        start, end = match.span()
        if match.lastgroup == "placeholder":
            found.append(Unit(Kind.PLACEHOLDER, PLACEHOLDER, start, end))
        elif match.lastgroup == "word":
            for first, last in _words_in(match.group()):
                word = match.group()[first:last].lower()
                if any(c.isalnum() for c in word):
                    found.append(Unit(Kind.WORD, word, start + first, start + last))
        else:
            mark = _MARK_OF.get(match.group(), _OTHER_MARK)
            if not (found and found[-1].kind is Kind.MARK and found[-1].text == mark):
                found.append(Unit(Kind.MARK, mark, start, end))
    return found


def words(text: str) -> list[str]:
    """Returns the lower-cased words of a message, in order.

    >>> words("Meet me at 8, OK? Don't wait...")
    ['meet', 'me', 'at', '8', 'ok', "don't", 'wait']
    """
    return [unit.text for unit in units(text) if unit.kind is Kind.WORD]
