"""Restores upper case in suggestions, because the model knows lower case only.

These rules apply, in this order: letters typed in upper case stay so; a word inside a sentence takes the form that the
owner uses most (names); English `I` is a capital; and a sentence begins with a capital, unless the owner's sentences
usually do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from keyboard_model.text.units import Kind, Unit, normalize

_SENTENCE_ENDS = frozenset(".?!")
_ENGLISH_I = frozenset({"i", "i'm", "i'll", "i've", "i'd"})
_MIN_FORMS = 2
"""The owner's form of a word counts once the word was used this often inside sentences."""
_MIN_SENTENCES = 5
"""The owner's way to begin sentences counts after this many sentences."""


def begins_sentence(before: Sequence[Unit]) -> bool:
    """Whether a word after these units begins a sentence, which is so at the start of a message and after `. ? !`."""
    return not before or (before[-1].kind is Kind.MARK and before[-1].text in _SENTENCE_ENDS)


class CapitalizationModel:
    """How one owner capitalizes words, counted from their messages."""

    def __init__(self) -> None:
        self._forms: dict[str, Counter[str]] = {}
        self._capitalized = 0
        self._sentences = 0

    def observe(self, message: str, units: Sequence[Unit]) -> None:
        """Counts one message; `units` are its units. A message all in upper case is skipped."""
        text = normalize(message)
        if text.isupper() and len(text) > 3:
            return
        for position, unit in enumerate(units):
            if unit.kind is not Kind.WORD:
                continue
            form = text[unit.start : unit.end]
            if not begins_sentence(units[position - 1 : position] if position else ()):
                self._forms.setdefault(unit.text, Counter())[form] += 1
            elif form[:1].upper() != form[:1].lower() and unit.text not in _ENGLISH_I:
                self._sentences += 1
                self._capitalized += form[:1].isupper()

    def restore(self, word: str, prefix: str, sentence_start: bool) -> str:
        """Returns a suggested word in the case in which it is shown.

        Args:
            word: In lower case, as the model knows it.
            prefix: The first letters of the word as typed so far.
            sentence_start: Whether the word begins a sentence; see `begins_sentence`.
        """
        form = self._usual_form(word)
        if sentence_start and form == word and not prefix[:1].islower() and self._capitalizes_sentences():
            form = _capitalized(form)
        return _after_typed(form, prefix)

    def _usual_form(self, word: str) -> str:
        forms = self._forms.get(word)
        if forms is not None and forms.total() >= _MIN_FORMS:
            return max(forms, key=lambda form: (forms[form], form))
        return _capitalized(word) if word in _ENGLISH_I else word

    def _capitalizes_sentences(self) -> bool:
        return self._sentences < _MIN_SENTENCES or 2 * self._capitalized >= self._sentences


def _capitalized(word: str) -> str:
    first = word[:1].upper()
    return first + word[1:] if len(first) == 1 else word


def _after_typed(form: str, prefix: str) -> str:
    if prefix == prefix.lower() or form[: len(prefix)].lower() != prefix.lower():
        return form
    if len(prefix) > 1 and prefix.isupper():
        upper = form.upper()
        return upper if upper.startswith(prefix) else prefix + form[len(prefix) :]
    return prefix + form[len(prefix) :]
