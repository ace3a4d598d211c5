"""Messages packed into windows of a fixed length: what training, the gate and evaluation all read.

Every message begins with BOS, which makes the model forget what stood before, so packing wastes no
padding and changes no result (but for the one message that a window's edge cuts, whose rest starts
from a fresh state).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from keyboard_model.text.tokenizer import Encoded

IGNORE = -1
"""A target that is no word piece (a mark, a placeholder, padding): it counts nowhere."""

Ids = npt.NDArray[np.int32]


class Windows(NamedTuple):
    """N windows of T positions, int32.

    tokens: `[N,T]` the piece read at each position; padded with BOS.
    targets: `[N,T]` the piece to predict there, `IGNORE` where none counts.
    word_ids: `[N,T]` running number of the word that the target is a piece of, -1 for none.
    """

    tokens: Ids
    targets: Ids
    word_ids: Ids


class Batch(NamedTuple):
    """`tokens [B,T]` and `targets [B,T]`, int32: arrays, and inside TensorFlow tensors."""

    tokens: Ids
    targets: Ids


def batches(tokens: Ids, targets: Ids, size: int, bos: int) -> list[Batch]:
    """Cuts windows `[N,T]` into batches `[size,T]`; windows without any target fill up the last batch."""
    missing = (0, -len(tokens) % size), (0, 0)
    tokens = np.pad(tokens, missing, constant_values=bos)
    targets = np.pad(targets, missing, constant_values=IGNORE)
    return [Batch(tokens[at : at + size], targets[at : at + size]) for at in range(0, len(tokens), size)]


def pack(messages: Iterable[Encoded], window: int, bos: int) -> Windows:
    """Packs encoded messages, in order, into as few windows as they need (none for no tokens)."""
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
