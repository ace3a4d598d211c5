"""A user's messages as training data: splits by time, and windows of a fixed length.

Every message begins with BOS, which resets the model's state. Packing therefore wastes no padding and changes no
result, except for a message that the end of a window cuts: its rest starts from a fresh state.

Training and the phone share the splits by time, into training and test messages and into the window of an adaptation.
So both give the same user the same messages to learn from and to test on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from keyboard_model.text.tokenizer import Encoded, Tokenizer
from keyboard_model.text.units import words

IGNORE = -1
"""A target that is not a word piece (a mark, a placeholder, padding). It does not count."""

Ids = npt.NDArray[np.int32]


class Windows(NamedTuple):
    """N windows of T positions, int32.

    tokens: `[N,T]` the piece read at each position; padded with BOS.
    targets: `[N,T]` the piece to predict there; `IGNORE` if it does not count.
    word_ids: `[N,T]` running number of the word that the target belongs to; -1 without one.
    """

    tokens: Ids
    targets: Ids
    word_ids: Ids


class Batch(NamedTuple):
    """`tokens [B,T]` and `targets [B,T]`, int32: NumPy arrays, or tensors inside TensorFlow."""

    tokens: Ids
    targets: Ids


def batches(tokens: Ids, targets: Ids, size: int, bos: int) -> list[Batch]:
    """Cuts windows `[N,T]` into batches `[size,T]`; windows without a target fill the last batch."""
    missing = (0, -len(tokens) % size), (0, 0)
    tokens = np.pad(tokens, missing, constant_values=bos)
    targets = np.pad(targets, missing, constant_values=IGNORE)
    return [Batch(tokens[at : at + size], targets[at : at + size]) for at in range(0, len(tokens), size)]


def pack(messages: Iterable[Encoded], window: int, bos: int) -> Windows:
    """Packs encoded messages, in order, into as few windows as possible; no messages give no windows.

    >>> hi = Encoded(ids=[1, 7], word_of=[-1, 0], words=["hi"])
    >>> pack([hi, hi], window=3, bos=1).targets
    array([[ 7,  7, -1]], dtype=int32)
    """
    tokens: list[int] = []
    targets: list[int] = []
    word_ids: list[int] = []
    words = 0
    for message in messages:
        tokens += message.ids[:-1]
        for piece, word in zip(message.ids[1:], message.word_of[1:], strict=True):
            targets.append(IGNORE if word < 0 else piece)
            word_ids.append(-1 if word < 0 else words + word)
        words += len(message.words)
    padding = -len(tokens) % window
    return Windows(
        _windows(tokens + [bos] * padding, window),
        _windows(targets + [IGNORE] * padding, window),
        _windows(word_ids + [-1] * padding, window),
    )


def _windows(values: list[int], window: int) -> Ids:
    return np.asarray(values, np.int32).reshape(-1, window)


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
    def of(
        cls, messages: Sequence[str], newest_words: int, holdout_share: float, holdout_words: int
    ) -> AdaptationWindow:
        """Selects the newest messages that have `newest_words` words, and splits off the held-out ones.

        Args:
            messages: All of the owner's, oldest first.
            newest_words, holdout_share, holdout_words: See `Recipe`.
        """
        newest = newest_messages(reversed(messages), newest_words, count_words)
        return cls.split(newest, holdout_share, holdout_words, messages[: len(messages) - len(newest)])

    @classmethod
    def split(
        cls, newest: Sequence[str], holdout_share: float, holdout_words: int, earlier: Sequence[str] = ()
    ) -> AdaptationWindow:
        """Splits the messages of a window; the held-out part begins with a message that has a word.

        Args:
            newest: The window's messages, oldest first.
            holdout_share: Share of the messages with a word that is held out: at least one unless it is 0.
            holdout_words: No more are held out than it takes to have this many words.
            earlier: The messages before them.
        """
        with_words = [index for index, message in enumerate(newest) if count_words(message)]
        held_out = math.ceil(holdout_share * len(with_words) - 1e-9)
        tail = newest_messages(
            reversed(with_words[len(with_words) - held_out :]), holdout_words, lambda at: count_words(newest[at])
        )
        start = tail[0] if tail else len(newest)
        return cls(earlier, newest[:start], newest[start:])

    def pack(self, tokenizer: Tokenizer, length: int) -> tuple[Windows, Windows]:
        """Returns training and held-out messages as windows of `length` positions; skips messages without a word."""
        training, held_out = (
            pack((encoded for encoded in map(tokenizer.encode, part) if encoded.words), length, tokenizer.bos)
            for part in (self.training, self.held_out)
        )
        return training, held_out
