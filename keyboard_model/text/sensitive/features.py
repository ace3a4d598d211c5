"""What a folded text has, computed once, so that a rule runs only where it can find something."""

from __future__ import annotations

import re
from dataclasses import dataclass

BEGINNING = 4
_WORD = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")


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
