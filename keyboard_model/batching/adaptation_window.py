"""Which of an owner's messages an adaptation reads: the newest, and of those a tail that only the gate sees.

Phone and TFF share it: the same person gives both the same messages to learn from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from keyboard_model.text.tokenizer import Encoded, Tokenizer


def newest_messages(tokenizer: Tokenizer, messages: Sequence[str], words: int) -> list[Encoded]:
    """Returns the newest messages that hold `words` words, oldest first; messages without a word are left out.

    The message that reaches `words` is taken whole.
    """
    chosen: list[Encoded] = []
    for message in reversed(messages):
        if words <= 0:
            break
        encoded = tokenizer.encode(message)
        if encoded.words:
            chosen.append(encoded)
            words -= len(encoded.words)
    return chosen[::-1]


def split_tail(messages: Sequence[Encoded], share: float) -> tuple[Sequence[Encoded], Sequence[Encoded]]:
    """Splits off the tail: whole messages, at least one of them unless `share` is 0."""
    held_out = math.ceil(share * len(messages) - 1e-9)
    return messages[: len(messages) - held_out], messages[len(messages) - held_out :]
