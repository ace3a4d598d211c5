"""Splits messages into words, marks and placeholders: the definition of a word for all of Thumbprint.

A word is a maximal run of letters and digits with the combining marks on them, in lower case; in scripts that put no
spaces between words (Chinese, Japanese, Thai, …), ICU's word breaker decides. An apostrophe, a middle dot and the
Hebrew gershayim belong to a word if they stand between two of its letters, never at its edges. Everything else in a
message is a *mark* (punctuation and emoji, kept as context) or a *placeholder* (`<#>`, `<URL>`: a replacement of
private text). Neither is a word. A run of more than `MAX_LETTERS` letters is nobody's word: it is a placeholder, too.

The rules are those of Unicode's UAX 29 with the differences that docs/bundle-format.md lists.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from keyboard_model.text.casing import lower_case
from keyboard_model.text.normalization import EMOJI, combining_marks, is_combining, normalize

__all__ = [
    "MARKS",
    "MAX_LETTERS",
    "PLACEHOLDER",
    "Kind",
    "Sign",
    "Unit",
    "is_followed_by_space",
    "is_too_long",
    "normalize",
    "units",
    "words",
]


class Kind(Enum):
    WORD = "word"
    MARK = "mark"
    PLACEHOLDER = "placeholder"


class Sign(Enum):
    """What a mark says about the word after it. Only the capitals of suggestions depend on it."""

    STOP = "stop"
    """Ends a sentence: `. ? !` and their kind."""
    OPENING = "opening"
    """An opening bracket, quotation mark, `¿` or `¡`."""
    CLOSING = "closing"
    """A closing bracket or quotation mark: what was before it decides."""
    BULLET = "bullet"
    """A bullet, a dash or asterisk at the beginning of a line, or repeated marks of which one begins a line."""
    EMOJI = "emoji"
    OTHER = "other"


class Unit(NamedTuple):
    """One word, mark or placeholder of a message.

    Attributes:
        kind: Word, mark or placeholder.
        text: Normalized: a word in lower case, one of `MARKS`, or `PLACEHOLDER`.
        start: Offset of its first character in `normalize(message)`.
        end: Offset after its last character.
        sign: What sort of mark it is; None = no mark. Of repeated marks that count once, the last.
        line_break: Whether a line break lies between this unit and the next one, or the end of the message.
    """

    kind: Kind
    text: str
    start: int
    end: int
    sign: Sign | None = None
    line_break: bool = False


MARKS = (".", ",", "?", "!", ";")
PLACEHOLDER = "<#>"
MAX_LETTERS = 48
"""Most letters of a word, as in the keyboard of AOSP (`MAX_WORD_LENGTH`)."""
_MAX_CHARACTERS = 4 * MAX_LETTERS
"""Most characters of a word: letters with their combining marks."""
_OTHER_MARK = ";"
_MARK_OF = {
    **dict.fromkeys(".…。｡।॥۔։။។᠃።᭞꓿꘎", "."),
    **dict.fromkeys(",，、､،၊᠂፣꓾꘍", ","),
    **dict.fromkeys("?？؟⁇⁈፧꘏", "?"),
    **dict.fromkeys("!！‼⁉", "!"),
}

_PLACEHOLDER = r"<\#>|<[A-Za-z]{2,12}>"
# Blocks of the scripts written without spaces: Thai, Lao, Myanmar, Khmer, Tai, kana, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff"
    "\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
_ASCII_UNIT = re.compile(
    rf"(?P<placeholder>{_PLACEHOLDER})|(?P<word>[A-Za-z0-9]+(?:'[A-Za-z0-9]+)*)|(?P<mark>[^\sA-Za-z0-9'])|[\n-\r]"
)
# Emoji that begin with a letter or digit: keycaps, ℹ, ㊗, ㊙.
_EMOJI_LETTER = re.compile("[0-9#*]\ufe0f?\u20e3|[\u2139\u3297\u3299]")
_BLANK = "\u0f0b\u0f0c\u1361\u2800\u3164\uffa0"
"""Characters beside white space that part words and are not seen, or are the word separator of their script."""
_BETWEEN_LETTERS = "\u00b7\u2027\u05f4\u055f"
"""Catalan middle dot, hyphenation point, gershayim, Armenian abbreviation mark."""
_HEBREW, _GERESH = "\u05d0-\u05ea", "\u05f3"
_ARMENIAN_SIGNS = "\u055b\u055c\u055e"


def _stand_in(emoji: re.Match[str]) -> str:
    """Returns an emoji as long as this one that no pattern takes for a word."""
    return "\u2764".ljust(len(emoji.group()), "\ufe0f")


@functools.cache
def _unicode_unit() -> re.Pattern[str]:
    letter = rf"[^\W_{_BLANK}]"
    extend = rf"[{combining_marks()}\u180b-\u180f\u200c\u200d{_ARMENIAN_SIGNS}]"
    run = rf"{letter}+(?:{extend}+{letter}*)*"
    middle = rf"(?:'(?={letter})|(?<!\d)[{_BETWEEN_LETTERS}](?=[^\W\d_]))"
    tail = "[\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f" + extend[1:]
    return re.compile(
        rf"(?P<placeholder>{_PLACEHOLDER})"
        rf"|(?P<word>{run}(?:{middle}{run})*(?:(?<=[{_HEBREW}]){_GERESH})?)"
        rf"|(?P<mark>(?!{extend})[^\s'{_BLANK}]{tail}*)"
        r"|[\n-\r\x85\u2028\u2029]"
    )


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
    found: list[Unit] = []
    if text.isascii():
        matches = _ASCII_UNIT.finditer(text)
    else:
        matches = _unicode_unit().finditer(_EMOJI_LETTER.sub(_stand_in, text))
    for match in matches:
        group, (start, end) = match.lastgroup, match.span()
        if group == "word":
            for first, last in _words_in(match.group()):
                if (unit := _word(text, start + first, start + last)) is not None:
                    found.append(unit)
        elif group == "mark":
            character = match.group()[0]
            mark = _MARK_OF.get(character, _OTHER_MARK)
            sign = _SIGN_OF.get(character) or _sign_in_context(text, start, found)
            if character == ";" and sign is Sign.STOP:
                mark = "?"
            if found and found[-1].kind is Kind.MARK and found[-1].text == mark:
                begins_line = found[-1].line_break or found[-1].sign is Sign.BULLET
                found[-1] = found[-1]._replace(sign=Sign.BULLET if begins_line else sign, line_break=False)
            else:
                found.append(Unit(Kind.MARK, mark, start, end, sign))
        elif group == "placeholder":
            found.append(Unit(Kind.PLACEHOLDER, PLACEHOLDER, start, end))
        elif found:
            found[-1] = found[-1]._replace(line_break=True)
    return found


def _word(text: str, start: int, end: int) -> Unit | None:
    """Returns the word there; None if it has no letter or digit, a placeholder if it is too long."""
    written = text[start:end]
    if written.isascii():
        word = written.lower()
    else:
        if written[-1] == _GERESH and text[start - 1 : start] == _GERESH:  # quotation marks around the word
            end, written = end - 1, written[:-1]
        word = lower_case(written)
    if not any(map(str.isalnum, word)):
        return None
    if is_too_long(word):
        return Unit(Kind.PLACEHOLDER, PLACEHOLDER, start, end)
    return Unit(Kind.WORD, word, start, end)


def is_too_long(word: str) -> bool:
    """Whether a run of letters has more than `MAX_LETTERS` of them, so that it is no word."""
    if len(word) <= MAX_LETTERS:
        return False
    return len(word) > _MAX_CHARACTERS or sum(not is_combining(character) for character in word) > MAX_LETTERS


_QUOTES_THAT_OPEN, _QUOTES_THAT_CLOSE = frozenset("“‘«‹‛‟"), frozenset("”’»›")
_DASHES = frozenset("-*–—·+>~")
_SIGN_OF = {
    **{character: Sign.STOP for character, mark in _MARK_OF.items() if mark in ".?!"},
    **dict.fromkeys("¿¡「『„‚⸘", Sign.OPENING),
    **dict.fromkeys("•‣◦▪▫●○■□‧⁃∙", Sign.BULLET),
    **dict.fromkeys(",:_@#$%^&=|/\\", Sign.OTHER),
}
"""The sign of characters that have the same one everywhere."""
_GREEK_LETTER = re.compile("[\u0370-\u03ff\u1f00-\u1fff]")
_EMOJI_SIGN = re.compile(f"[{EMOJI}]")


def _sign_in_context(text: str, at: int, found: list[Unit]) -> Sign:
    """Returns what the mark at `text[at]`, after the units in `found`, says about the word after it."""
    character = text[at]
    if character == ";":  # U+037E, the Greek question mark, is this character in NFC
        last = at - 1
        while last > 0 and text[last].isspace():
            last -= 1
        return Sign.STOP if last >= 0 and _GREEK_LETTER.match(text, last) else Sign.OTHER
    if character in _DASHES:
        return Sign.BULLET if not found or found[-1].line_break else Sign.OTHER
    if _EMOJI_SIGN.match(character) or _EMOJI_LETTER.match(text, at):
        return Sign.EMOJI
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    after_word = before.isalnum() or (before != "" and not before.isspace() and _category(before) != "Ps")
    if character == '"' or character in _QUOTES_THAT_OPEN:
        closes = after_word and (character == '"' or not after.isalnum())
        return Sign.CLOSING if closes else Sign.OPENING
    if character in _QUOTES_THAT_CLOSE:
        return Sign.OPENING if not after_word and after.isalnum() else Sign.CLOSING
    return {"Ps": Sign.OPENING, "Pi": Sign.OPENING, "Pe": Sign.CLOSING, "Pf": Sign.CLOSING}.get(
        _category(character), Sign.OTHER
    )


_category = functools.lru_cache(maxsize=4096)(unicodedata.category)


def words(text: str) -> list[str]:
    """Returns the words of a message in lower case, in order.

    >>> words("Meet me at 8, OK? Don't wait...")
    ['meet', 'me', 'at', '8', 'ok', "don't", 'wait']
    """
    return [unit.text for unit in units(text) if unit.kind is Kind.WORD]


def is_followed_by_space(word: str) -> bool:
    """Whether a space separates the word from the next one, which is not so in scripts such as Thai and Chinese.

    >>> is_followed_by_space("tomorrow"), is_followed_by_space("พรุ่งนี้")
    (True, False)
    """
    return word.isascii() or _UNSPACED.search(word) is None
