"""Restores upper case in suggestions, because the model knows lower case only.

These rules apply, in this order: letters typed in upper case stay so; a word inside a sentence takes the form that the
owner uses most (names); English `I` is a capital; and a sentence begins with a capital, unless the owner's sentences
usually do not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from keyboard_model.text.casing import lower_case, upper_case
from keyboard_model.text.units import Kind, Sign, Unit, normalize

_ENGLISH_I = frozenset({"i", "i'm", "i'll", "i've", "i'd"})
_MIN_FORMS = 2
"""The owner's form of a word counts once the word was used this often inside sentences."""
_MIN_SENTENCES = 5
"""The owner's way to begin sentences counts after this many sentences."""
_STAND_ASIDE = frozenset({Sign.OPENING, Sign.CLOSING, Sign.EMOJI})
"""Marks between a sentence's end and the next word. What was before them decides."""
_LIST_NUMBER = re.compile(r"\d{1,3}|[^\W\d_]|[ivxl]{1,5}")


def begins_sentence(units: Sequence[Unit], position: int | None = None) -> bool:
    """Whether a word after these units begins a sentence.

    It does if only marks, or the number of a list's item such as `a)`, are before it in its line, and if only brackets,
    quotation marks and emoji are between it and the end of the sentence before, in any script.

    Args:
        units: The units of a message.
        position: The word's index in `units`; None = it follows all of them.
    """
    at = len(units) if position is None else position
    aside = True  # whether all marks so far stand aside
    while at:
        last = units[at - 1]
        if last.line_break:
            return True
        if last.sign is None:
            return _is_list_number(units, at - 1)
        if aside and last.sign in (Sign.STOP, Sign.BULLET):
            return True
        aside = aside and last.sign in _STAND_ASIDE
        at -= 1
    return True


def _is_list_number(units: Sequence[Unit], at: int) -> bool:
    """Whether the unit is a number or letter before a closing bracket, with nothing but marks before it in its line."""
    if at + 1 == len(units) or units[at + 1].sign is not Sign.CLOSING or units[at + 1].start != units[at].end:
        return False
    if _LIST_NUMBER.fullmatch(units[at].text) is None:
        return False
    while at and not units[at - 1].line_break:
        at -= 1
        if units[at].sign is None:
            return False
    return True


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
            if begins_sentence(units, position):
                if _has_capital(form[:1]) and unit.text not in _ENGLISH_I:
                    self._sentences += 1
                    self._capitalized += form[:1] != lower_case(form[:1])
            elif units[position - 1].sign not in _STAND_ASIDE:  # after these, a sentence may begin or go on
                self._forms.setdefault(unit.text, Counter())[form] += 1

    def restore(self, word: str, prefix: str, sentence_start: bool) -> str:
        """Returns a suggested word in the case in which it is shown.

        Args:
            word: In lower case, as the model knows it.
            prefix: The first letters of the word as typed so far.
            sentence_start: Whether the word begins a sentence; see `begins_sentence`.
        """
        form = self._usual_form(word)
        if sentence_start and form == word and self._capitalizes_sentences():
            form = _capitalized(form)
        return _continued(prefix, form)

    def _usual_form(self, word: str) -> str:
        forms = self._forms.get(word)
        if forms is not None and forms.total() >= _MIN_FORMS:
            return max(forms, key=lambda form: (forms[form], form))
        return _capitalized(word) if word in _ENGLISH_I else word

    def _capitalizes_sentences(self) -> bool:
        return self._sentences < _MIN_SENTENCES or 2 * self._capitalized >= self._sentences


def capital(letter: str) -> str:
    """Returns a word's first letter as a sentence begins with it: `ǅ` for `ǆ`. Unchanged if that is several letters.

    >>> [capital(letter) for letter in ("a", "ǆ", "ß", "ა")]
    ['A', 'ǅ', 'ß', 'ა']
    """
    title = letter.title()
    return title if len(title) == 1 else letter


def is_all_capitals(prefix: str) -> bool:
    """Whether the word is typed in capitals: it has two or more, and no small letter."""
    return prefix.isupper() and sum(map(str.isupper, prefix)) > 1


def _has_capital(letter: str) -> bool:
    return letter.title() != letter.lower()


def _capitalized(word: str) -> str:
    return capital(word[:1]) + word[1:]


def _continued(prefix: str, form: str) -> str:
    """Returns `form` with the letters in the case in which they were typed, if `form` begins with these letters."""
    typed = lower_case(prefix)
    if prefix == typed or lower_case(form[: len(typed)]) != typed:
        return form
    rest = form[len(typed) :]
    if not is_all_capitals(prefix):
        return prefix + rest
    upper = upper_case(form)
    return upper if upper.startswith(prefix) else prefix + upper_case(rest)
