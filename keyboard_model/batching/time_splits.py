"""Splits of one user's messages by time: into training and test messages, and the window of an adaptation.

Training and the phone share these functions, so both give the same user the same messages to learn from and to test on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from keyboard_model.batching.windows import Windows, pack
from keyboard_model.text.tokenizer import Tokenizer
from keyboard_model.text.units import words

_Message = TypeVar("_Message")


def split_by_time(messages: Sequence[_Message], train_share: float) -> tuple[list[_Message], list[_Message]]:
    """Splits messages, given in time order or, without times, in that of the corpus, into (training part, test part).

    Wang et al. 2019 (arXiv:1910.10252) split each user's messages this way, 80 % and 20 %. The training part has
    floor(train_share · n) messages, but at least one if there is any. So a single message leaves nothing to test.

    >>> split_by_time(["oldest", "older", "old", "new", "newest"], 0.8)
    (['oldest', 'older', 'old', 'new'], ['newest'])

    Raises:
        ValueError: `train_share` is not from 0 to 1.
    """
    if not 0 <= train_share <= 1:
        raise ValueError(f"train_share is {train_share}: it must be a share from 0 to 1")
    # 0.29 * 100 is 28.999999999999996. The small addition keeps a message that rounding would lose.
    cut = max(1, math.floor(train_share * len(messages) + 1e-9))
    return list(messages[:cut]), list(messages[cut:])


def count_words(message: str) -> int:
    """Returns how many words a message has; marks and placeholders are not words."""
    return len(words(message))


def newest_messages(newest_first: Iterable[_Message], words: int, count: Callable[[_Message], int]) -> list[_Message]:
    """Returns the newest messages that together have at least `words` words (or all messages), oldest first.

    Args:
        newest_first: Read only as far as needed.
        words: The message that reaches this number is included whole.
        count: Returns how many words a message has.

    >>> newest_messages(["home now", "on my way", "see you"], 4, count_words)
    ['on my way', 'home now']
    """
    chosen: list[_Message] = []
    for message in newest_first:
        if words <= 0:
            break
        chosen.append(message)
        words -= count(message)
    return chosen[::-1]


@dataclass(frozen=True)
class AdaptationWindow:
    """The messages of one adaptation, each part oldest first; the parts follow each other in time.

    Attributes:
        earlier: Messages before the window; only the weight of the owner's n-grams reads them.
        training: Messages that the adapter learns from.
        held_out: The newest messages, which judge the adapter and the weight of the n-grams.
    """

    earlier: Sequence[str]
    training: Sequence[str]
    held_out: Sequence[str]

    @classmethod
    def of(cls, messages: Sequence[str], newest_words: int, holdout_share: float) -> AdaptationWindow:
        """Selects the newest messages that have `newest_words` words, and splits off the held-out ones.

        Args:
            messages: All of the owner's, oldest first.
            newest_words, holdout_share: See `Recipe`.
        """
        newest = newest_messages(reversed(messages), newest_words, count_words)
        return cls.split(newest, holdout_share, messages[: len(messages) - len(newest)])

    @classmethod
    def split(cls, newest: Sequence[str], holdout_share: float, earlier: Sequence[str] = ()) -> AdaptationWindow:
        """Splits the messages of a window; the held-out part begins with a message that has a word.

        Args:
            newest: The window's messages, oldest first.
            holdout_share: Share of the messages with a word that is held out: at least one unless it is 0.
            earlier: The messages before them.
        """
        with_words = [index for index, message in enumerate(newest) if count_words(message)]
        held_out = math.ceil(holdout_share * len(with_words) - 1e-9)
        start = with_words[-held_out] if held_out else len(newest)
        return cls(earlier, newest[:start], newest[start:])

    def pack(self, tokenizer: Tokenizer, length: int) -> tuple[Windows, Windows]:
        """Returns training and held-out messages as windows of `length` positions; skips messages without a word."""
        training, held_out = (
            pack((encoded for encoded in map(tokenizer.encode, part) if encoded.words), length, tokenizer.bos)
            for part in (self.training, self.held_out)
        )
        return training, held_out
