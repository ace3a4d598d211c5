"""Which words of a day are tested: a few, drawn, since to test every word of every phone-day would take forever."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_runtime.held_out import HeldOutWord, held_out_words


def draw_words(texts: Sequence[str], number: int, rng: np.random.Generator) -> list[list[HeldOutWord]]:
    """Returns, for each message, its words that are tested, in order.

    Args:
        texts: A day's messages.
        number: Words to test on the day; all, where there are no more. Each word is as likely as any other.
        rng: Draws them; it is not asked where there is nothing to choose.
    """
    words = [list(held_out_words([(None, text)])) for text in texts]
    total = sum(map(len, words))
    chosen = set(rng.choice(total, number, replace=False).tolist()) if total > number else set(range(total))
    numbered = iter(range(total))
    return [[word for word in message if next(numbered) in chosen] for message in words]
