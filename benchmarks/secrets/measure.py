"""How much of the corpus's secrets is masked, and how many of its ordinary messages are changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.secrets.corpus import Case
from keyboard_model.text.sensitive import mask_sensitive
from keyboard_model.text.sensitive.folded_text import fold
from keyboard_model.text.units import PLACEHOLDER, normalize

LEFT = 4
"""A secret is masked if no so many of its letters and digits in a row are left."""


@dataclass(slots=True)
class Tally:
    """Counts of a group of messages, and those that went wrong.

    Attributes:
        messages: Messages, by kind.
        wrong: Secrets that were not masked, or ordinary messages that were changed, by kind.
        examples: One of these of each kind: (message, what was made of it).
    """

    messages: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the messages that went wrong."""
        return self.wrong.total() / self.messages.total()


def is_masked(case: Case, left: str) -> bool:
    """Returns whether `left` shows no `LEFT` letters and digits in a row of the message's secret.

    Both are folded first, and case, spaces and signs do not count. A shorter secret must not be left whole.
    """
    secret = _letters_and_digits(case.secret)
    size = min(LEFT, len(secret))
    pieces = [_letters_and_digits(piece) for piece in left.split(PLACEHOLDER)]
    around = [_letters_and_digits(piece) for piece in case.text.split(case.secret)]
    parts = {secret[i : i + size] for i in range(len(secret) - size + 1)}
    return not any(part in piece for part in parts for piece in pieces if not any(part in own for own in around))


def tally(cases: Iterable[Case]) -> dict[bool, Tally]:
    """Masks each message and counts those that went wrong, apart for held-out messages (True) and the others."""
    counted = {False: Tally(), True: Tally()}
    for case in cases:
        group = counted[case.held_out]
        left = mask_sensitive(case.text)
        group.messages[case.kind] += 1
        if not (is_masked(case, left) if case.secret else left == case.text):
            group.wrong[case.kind] += 1
            group.examples.setdefault(case.kind, (case.text, left))
    return counted


def _letters_and_digits(text: str) -> str:
    return "".join(filter(str.isalnum, fold(normalize(text)).text.lower()))
