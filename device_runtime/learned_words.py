"""What a phone has learnt of its owner, to be looked at: their words, how often, and when last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from device_runtime.history import Message
from device_runtime.lexicon import Lexicon
from keyboard_model.text import words


@dataclass(frozen=True)
class LearnedWord:
    """One word.

    Attributes:
        word: Lower-cased.
        times: How often it was typed.
        last_at: When it was last typed, None where no time is known.
        known: Whether the shared vocabulary has it, as one piece; the others are the owner's own: names, mostly.
    """

    word: str
    times: int
    last_at: datetime | None
    known: bool


def learned_words(messages: Iterable[Message], lexicon: Lexicon, limit: int | None) -> list[LearnedWord]:
    """Returns the words of these messages: those that the shared vocabulary lacks first, then the most typed.

    Args:
        messages: Oldest first.
        lexicon: The bundle's.
        limit: How many at most; None = all.
    """
    times: Counter[str] = Counter()
    last: dict[str, datetime] = {}
    for message in messages:
        found = words(message.text)
        times.update(found)
        if message.at is not None:
            last.update(dict.fromkeys(found, message.at))
    known = {word: lexicon.piece_of(word) >= 0 for word in times}
    ordered = sorted(times, key=lambda word: (known[word], -times[word], word))
    return [LearnedWord(word, times[word], last.get(word), known[word]) for word in ordered[:limit]]
