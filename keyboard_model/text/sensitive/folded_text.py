"""The text that the rules search: one shape for every digit, space and hyphen, so that they need to know only ASCII.

`fold` removes invisible characters, combining marks and keycaps, and writes digits of any script or shape (full-width,
circled, superscript, mathematical) as ASCII digits. Source of the categories: the Unicode character database.

`Features` has what a folded text contains, computed once, so that a rule runs only where it can find something.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from keyboard_model.text.masking import Span

_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_BLANKS = "\t\u2800"  # a braille cell without dots looks like a space
_FILLERS = "\u115f\u1160\u3164\uffa0"  # Hangul fillers are letters that show nothing
_MORE_HYPHENS = "\u2212\u2043\u02d7\u23af"  # minus signs, the hyphen bullet, a line extension
_MIDDLE_DOTS = "·•∙⋅・･‧․◦●▪"
_ASCII_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
_KEPT = "ºª"  # `1º` is an ordinal, not `1o`

BEGINNING = 4
_WORD = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in its folded shape.

    Attributes:
        text: The folded text.
        offsets: For each of its characters, the offset in the original; None = the same offsets.
        length: Length of the original.
    """

    text: str
    offsets: list[int] | None
    length: int

    def original(self, span: Span) -> Span:
        """Returns the span of the original, with the invisible characters after each of its characters."""
        if self.offsets is None:
            return span
        first, last = span
        return self.offsets[first], self.offsets[last] if last < len(self.offsets) else self.length


class _Shapes(dict[str, str]):
    def __missing__(self, character: str) -> str:
        self[character] = shape = _shape(character)
        return shape


def _shape(character: str) -> str:
    category = unicodedata.category(character)
    if character in _LINE_ENDS:
        return "\n"
    if category == "Zs" or character in _BLANKS:
        return " "
    if category in ("Cf", "Cc", "Mn", "Mc", "Me") or character in _FILLERS:
        return ""
    if category == "Pd" or character in _MORE_HYPHENS:
        return "-"
    if character in _MIDDLE_DOTS:
        return "•"
    if character in _KEPT or character.isascii():
        return character
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    number = unicodedata.numeric(character, None)
    if number is not None and number in range(10, 100) and category in ("No", "So"):
        return str(int(number))
    compatible = unicodedata.normalize("NFKC", character)
    return compatible if len(compatible) == 1 else character


_SHAPES = _Shapes({"\N{KEYCAP TEN}": "10"})


def fold(text: str) -> Folded:
    """Returns `text` with one shape for every digit, space and hyphen, and without what cannot be seen.

    >>> fold("１\\N{ZERO WIDTH SPACE}②\\N{NO-BREAK SPACE}٣").text
    '12 3'
    """
    if text.isascii() and not _ASCII_CONTROLS.search(text):
        return Folded(text, None, len(text))
    made: list[str] = []
    offsets: list[int] = []
    for offset, character in enumerate(text):
        shape = _SHAPES[character]
        if shape:
            made.append(shape)
            offsets += [offset] * len(shape)
    return Folded("".join(made), offsets, len(text))


@dataclass(frozen=True, slots=True)
class Features:
    """A folded text with what the rules ask before they search it.

    Attributes:
        text: The folded text.
        lower: The same in lower case.
        digits: The number of digits.
        longest: Length of the longest run without a space.
        characters: The characters that occur.
        words: The words in lower case, in order: runs of letters and digits.
        beginnings: The first `BEGINNING` characters of each word.
    """

    text: str
    lower: str
    digits: int
    longest: int
    characters: frozenset[str]
    words: list[str]
    beginnings: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Features:
        """Computes them for a folded text."""
        lower = text.lower()
        words = _WORD.findall(lower)
        return cls(
            text=text,
            lower=lower,
            digits=len(_DIGIT.findall(text)),
            longest=max(map(len, text.split()), default=0),
            characters=frozenset(text),
            words=words,
            beginnings=frozenset([word[:BEGINNING] for word in words]),
        )

    def has_any(self, parts: tuple[str, ...]) -> bool:
        """Returns whether one of the parts, in lower case, occurs."""
        return any(part in self.lower for part in parts)
