"""A user of a corpus, what of them is learnt from, and every word that is tested.

As Wang et al. 2019 do: a user's messages are split by time, the first part to learn from and the last
to test; the test part is only predicted, never learnt from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from keyboard_model.text import Kind, normalize, units

Message = tuple[datetime | None, str]


@dataclass(frozen=True)
class SimulatedUser:
    """One user: `messages` are (when, text), in the order they were written."""

    user_id: str
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class HeldOutWord:
    """A word the user typed, lower-cased, and the text of the message before it (normalized)."""

    context: str
    word: str


def split(messages: Sequence[Message], train_share: float) -> tuple[Sequence[Message], Sequence[Message]]:
    """Returns the first floor(train_share * n) messages and the rest."""
    # 0.29 * 100 is 28.999999999999996: the tiny addition keeps such products from losing a message.
    cut = math.floor(train_share * len(messages) + 1e-9)
    return messages[:cut], messages[cut:]


def held_out_words(messages: Iterable[Message]) -> Iterator[HeldOutWord]:
    """Yields every word of every message, in order."""
    for _, text in messages:
        typed = normalize(text)
        for unit in units(typed):
            if unit.kind is Kind.WORD:
                yield HeldOutWord(typed[: unit.start], unit.text)
