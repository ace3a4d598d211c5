"""The data of a simulation: a user's messages, how a trial splits them, and the held-out words that it tests.

The split follows Wang et al. 2019. A user's messages are split by time, or by the order of the corpus where times are
missing. The phone learns from the first part, and predicts the words of the last part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from keyboard_model.batching import split_by_time
from keyboard_model.text.units import Kind, normalize, units

Message = tuple[datetime | None, str]
"""When a message was written, if that is known, and its text."""

LONGEST_CONTEXT = 1_024
"""The largest number of characters before a tested word. A phone reads far fewer
(`device_runtime.inference.context_cache.MAX_CONTEXT` pieces), but it splits the whole context to find them. Without a
limit, the time for a message of 10,000 words would grow with the square of its length."""
_STRIDE = 256


@dataclass(frozen=True)
class SimulatedUser:
    """One user. `messages` are in the order in which they were written, or in the corpus's if it lacks times."""

    user_id: str
    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class HeldOutWord:
    """A word that the user typed, in lower case, and the normalized text of the message before it."""

    context: str
    word: str


@dataclass(frozen=True)
class TrialPlan:
    """How a trial uses a user's messages.

    Attributes:
        train_share: Share of the messages that the phone learns from, between 0 and 1. The others are for the test.
        seen: Of the messages to learn from, the phone sees only this many of the newest. None: all of them.
        tested: Of the other messages, only this many of the first are tested. None: all of them.
        prequential: Whether to test the words a second time, with a phone that counts each message after its test.
        keystrokes: Whether to type out the words that are not suggested at once. This takes most of the time. Without
            it, no characters are counted.
        shared: Whether to test the shared keyboard, too. Without it, its counts are 0.
    """

    train_share: float = 0.8
    seen: int | None = None
    tested: int | None = None
    prequential: bool = True
    keystrokes: bool = True
    shared: bool = True


DEFAULT_PLAN = TrialPlan()


def split_messages(messages: Sequence[Message], plan: TrialPlan) -> tuple[Sequence[Message], Sequence[Message]]:
    """Returns the messages to learn from and the messages to test."""
    learn_from, test = split_by_time(messages, plan.train_share)
    seen = learn_from if plan.seen is None else learn_from[max(len(learn_from) - plan.seen, 0) :]
    return seen, test[: plan.tested]


def held_out_words(messages: Iterable[Message]) -> Iterator[HeldOutWord]:
    """Yields every word of every message in order, each with at most `LONGEST_CONTEXT` characters of context."""
    for _, text in messages:
        typed = normalize(text)
        for unit in units(typed):
            if unit.kind is Kind.WORD:
                yield HeldOutWord(typed[_context_start(unit.start) : unit.start], unit.text)


def _context_start(end: int) -> int:
    """Returns where the context that ends at `end` starts.

    The start moves in strides. Between two strides each context extends the last one, which the engine predicts fast.
    """
    return -(-max(0, end - LONGEST_CONTEXT) // _STRIDE) * _STRIDE
