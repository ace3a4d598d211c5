"""The text that the rules search: one shape for every digit, space and hyphen, so that they need to know only ASCII.

`fold` removes invisible characters, combining marks and keycaps, and writes digits of any script or shape (full-width,
circled, superscript, mathematical) as ASCII digits. Source of the categories: the Unicode character database.

`Features` has what a folded text contains, computed once, so that a rule runs only where it can find something.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import chain, count, repeat
from typing import NamedTuple

from keyboard_model.text.masking import Span

_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_BLANKS = "\t\u2800"  # a braille cell without dots looks like a space
_FILLERS = "\u115f\u1160\u3164\uffa0"  # Hangul fillers are letters that show nothing
_MORE_HYPHENS = "\u2212\u2043\u02d7\u23af"  # minus signs, the hyphen bullet, a line extension
_MIDDLE_DOTS = "·•∙⋅・･‧․◦●▪"
_KEPT = "ºª"  # `1º` is an ordinal, not `1o`
_ASCII_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
# Of the frequent characters, those that fold to themselves, to see quickly that a text needs no folding.
_PERHAPS_FOLDED = re.compile(
    "[^\n -~º-ž\u0180-\u02af\u0388-\u03cf\u0400-\u0482\u048a-\u0556\u05d0-\u05ea\u061e-\u064a\u0671-\u06d5\u0904-\u0939"
    "\u0e01-\u0e30\u1e00-\u1e9a‘-‟€\u2600-\u2775\u3001-\u301b\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u9fff\uac00-\ud7a3"
    "\U0001f300-\U0001f51e\U0001f520-\U0001faff]"
)
BEGINNING = 4
"""Length of the beginnings of words that are looked at to see quickly that a text has none of some longer words."""
_ONLY_LETTERS_AND_DIGITS = bytes(code if chr(code).isalnum() else ord(" ") for code in range(128)).ljust(256)
_DIGIT = re.compile("[0-9]")
_LETTERS_FIRST = re.compile(r"(?<![^ ])[^\d ]+")
_WORD = re.compile(r"[^\W_]+")


class Folded(NamedTuple):
    """A text in its folded shape.

    Attributes:
        text: The folded text.
        shapes: What became of each character of the original; None = each became one character.
    """

    text: str
    shapes: list[str] | None

    def original(self, spans: Iterable[Span]) -> Iterable[Span]:
        """Returns the spans of the original, with the invisible characters after each of its characters."""
        if self.shapes is None:
            return spans
        # For each folded character, where it was, and the end of the original.
        offsets = [*chain.from_iterable(map(repeat, count(), map(len, self.shapes))), len(self.shapes)]
        return [(offsets[first], offsets[last]) for first, last in spans]


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
    if text.isascii():
        if text.isprintable() or not _ASCII_CONTROLS.search(text):
            return Folded(text, None)
    elif not _PERHAPS_FOLDED.search(text):
        return Folded(text, None)
    shapes = list(map(_SHAPES.__getitem__, text))
    folded = "".join(shapes)
    return Folded(folded, None if len(folded) == len(text) and "" not in shapes else shapes)


def lower_form(text: str) -> str:
    """Returns folded text in lower case, of the same length; all letters i are one, and both small letters sigma.

    >>> lower_form("ŞİFRE"), lower_form("ΚΩΔΙΚΟΣ") == lower_form("κωδικοσ")
    ('şifre', True)
    """
    if text.isascii():
        return text.lower()
    return text.replace("İ", "i").lower().replace("ı", "i").replace("ς", "σ")


class Features(NamedTuple):
    """A folded text with what the rules ask before they search it.

    Attributes:
        text: The folded text.
        lower: The same in lower case, see `lower_form`.
        words: The words of `lower`, in order: runs of letters and digits.
        numbers: Those of them that have a digit.
        cues: What may be a word before a secret: the words, and how the numbers begin.
        digits: The number of digits.
    """

    text: str
    lower: str
    words: list[str]
    numbers: list[str]
    cues: list[str]
    digits: int

    @classmethod
    def of(cls, text: str) -> Features:
        """Computes them for a folded text."""
        lower = lower_form(text)
        if lower.isascii():
            words = lower.encode().translate(_ONLY_LETTERS_AND_DIGITS).decode().split()  # as `_WORD` finds them
        else:
            words = _WORD.findall(lower)
        numbers = [word for word in words if not word.isalpha()]
        joined = " ".join(numbers)
        cues = words + [number[:BEGINNING] for number in numbers] + _LETTERS_FIRST.findall(joined)
        digits = len(_DIGIT.findall(joined))
        return cls(text, lower, words, numbers, cues, digits)

    def longest(self) -> int:
        """Returns the length of the longest run without a space."""
        return max(map(len, self.text.split()), default=0)
