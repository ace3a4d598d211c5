"""Messages packed into windows of a fixed length, for training, the gate and evaluation.

Every message begins with BOS, which resets the model's state. Packing therefore wastes no padding and changes no
result, except for a message that the end of a window cuts: its rest starts from a fresh state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keyboard_model.text.tokenizer import Encoded

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
