"""A user of a corpus, what of them is learnt from, and every word that is tested.

As Wang et al. 2019 do: a user's messages are split by time, the first part to learn from and the last
to test; the test part is only predicted, never learnt from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from keyboard_model.batching.time_splits import split_by_time
from keyboard_model.text.units import Kind, normalize, units

Message = tuple[datetime | None, str]

LONGEST_CONTEXT = 1_024
"""Characters of a message before a tested word. A phone reads far fewer (`context_reader.MAX_CONTEXT` pieces) but finds
them by splitting all that it is given: the time for a message of 10,000 words would grow with its square."""
_STRIDE = 256


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


@dataclass(frozen=True)
class TrialPlan:
    """How a user's messages are used.

    Attributes:
        train_share: Share of them to learn from, between 0 and 1; the rest tests.
        seen: The phone has seen only the newest so many of those to learn from; None = all of them.
        tested: The first so many of the rest test; None = all of them.
        keystrokes: Whether words are typed out where they are not suggested at once, which takes most of the time;
            without it no characters are counted.
    """

    train_share: float = 0.8
    seen: int | None = None
    tested: int | None = None
    keystrokes: bool = True


WHOLE = TrialPlan()


def parts(messages: Sequence[Message], plan: TrialPlan) -> tuple[Sequence[Message], Sequence[Message]]:
    """Returns the messages to learn from and those to test on."""
    learn_from, test = split_by_time(messages, plan.train_share)
    seen = learn_from if plan.seen is None else learn_from[max(len(learn_from) - plan.seen, 0) :]
    return seen, test[: plan.tested]


def held_out_words(messages: Iterable[Message]) -> Iterator[HeldOutWord]:
    """Yields every word of every message, in order; before it at most `LONGEST_CONTEXT` characters are given."""
    for _, text in messages:
        typed = normalize(text)
        for unit in units(typed):
            if unit.kind is Kind.WORD:
                yield HeldOutWord(typed[_begin(unit.start) : unit.start], unit.text)


def _begin(end: int) -> int:
    """Where the context that ends there begins; it moves on in strides, so that typing on is still cheap."""
    return -(-max(0, end - LONGEST_CONTEXT) // _STRIDE) * _STRIDE
