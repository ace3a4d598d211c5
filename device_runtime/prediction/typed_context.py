"""Splits what is before the cursor into the text so far and the word that is being typed.

This is the only place that decides which characters a suggestion replaces, so that an app or a page needs no rule of
its own: it deletes `replaces` characters before the cursor and writes the suggestion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device_runtime.prediction.capitalization import capital, is_all_capitals
from keyboard_model.text.casing import lower_case, upper_case
from keyboard_model.text.normalization import APOSTROPHE
from keyboard_model.text.units import Kind, Unit, normalize, units


@dataclass(frozen=True)
class TypedContext:
    """What is before the cursor.

    Attributes:
        text: The message up to the word that is being typed.
        before: The units of `text`.
        prefix: The part of that word typed so far, normalized, in the case in which it was typed.
        replaces: How many code points that part has in the text as it was typed, before it was normalized.
    """

    text: str
    before: list[Unit]
    prefix: str
    replaces: int

    @classmethod
    def of(cls, context: str, prefix: str, masked: Callable[[str], str] = str) -> TypedContext:
        """Splits what was typed.

        Args:
            context: The message up to `prefix`; a space between the two may be missing.
            prefix: The last characters before the cursor. Only the word at their end is being typed.
            masked: Replaces the parts of the text before that word that the model must not read.
        """
        normal = normalize(prefix)
        word = _typed_word(normal)
        start = len(normal) - len(word)
        text = masked(f"{context} {normal[:start]}" if start else context)
        return cls(text, units(text), word, _length_as_typed(prefix, normal[start:]))

    def after(self, word: str) -> TypedContext:
        """Returns what is before the cursor once a word was accepted, and a space after it."""
        text = f"{self.text} {word} "
        return TypedContext(text, units(text), "", 0)

    def in_case_of(self, word: str) -> str:
        """The prefix, or for a word that begins otherwise (a typo) its beginning in the case of the prefix."""
        if word.startswith(lower_case(self.prefix)):
            return self.prefix
        if is_all_capitals(self.prefix):
            return upper_case(word)
        return capital(word[:1]) if self.prefix[:1] != lower_case(self.prefix[:1]) else word[:1]


def _typed_word(typed: str) -> str:
    """Returns the word that is being typed at the end of normalized text; empty if there is none."""
    if not typed or typed[-1].isspace():
        return ""
    found = units(typed)
    if found and found[-1].kind is not Kind.MARK and found[-1].end == len(typed) and typed[-1] != ">":
        return typed[found[-1].start :]  # also a run that is too long for a word: nothing completes it
    if not found:  # apostrophes, with which a word can begin
        return typed[len(typed.rstrip(APOSTROPHE)) :]
    # A sign that stands between letters, such as the apostrophe of `don'`, belongs to the word: a letter may follow.
    letter = typed[-2:-1]
    longer = units(typed + letter)
    if letter.isalpha() and longer[-1].kind is Kind.WORD and longer[-1].start <= len(typed) - 2:
        return normalize(typed + letter)[longer[-1].start : -1]
    return ""


def _length_as_typed(typed: str, word: str) -> int:
    """Returns how many code points at the end of `typed` give `word` when they are normalized."""
    if typed.endswith(word):
        return len(word)
    return next(length for length in range(1, len(typed) + 1) if normalize(typed[-length:]).endswith(word))
