"""Encoded text in memory, two bytes a piece, and its shuffled batches."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyboard_model.batching import IGNORE, Batch
from keyboard_model.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class EncodedText:
    """The pieces of all lines, one line after the other.

    Attributes:
        pieces: `[n]` uint16; each line begins with BOS.
        counts: `[n]` bool: whether the piece belongs to a word, so that its prediction counts.
        starts: `[lines+1]` int64: where each line begins, and n.
    """

    pieces: npt.NDArray[np.uint16]
    counts: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, lines: Iterable[str], tokenizer: Tokenizer) -> EncodedText:
        """Encodes the lines; those without a word are left out."""
        pieces, counts, starts = array("H"), bytearray(), array("q", [0])
        for line in lines:
            encoded = tokenizer.encode(line)
            if encoded.words:
                pieces.extend(encoded.ids)
                counts.extend(word >= 0 for word in encoded.word_of)
                starts.append(len(pieces))
        return cls(
            np.frombuffer(pieces, np.uint16) if pieces else np.zeros(0, np.uint16),
            np.frombuffer(bytes(counts), np.bool_),
            np.frombuffer(starts, np.int64),
        )

    def number_of_batches(self, batch: int, window: int) -> int:
        """Returns how many batches `batches` yields."""
        return -(-(len(self.pieces) - len(self.starts) + 1) // (batch * window))

    def batches(
        self,
        rng: np.random.Generator,
        *,
        batch: int,
        window: int,
        bos: int,
        slot: int,
        word_dropout: float,
        length: int,
    ) -> Iterator[Batch]:
        """Shuffles the lines, packs them into windows as `keyboard_model.batching.pack`, and yields the batches.

        Args:
            batch, window: The shape of a batch.
            bos: The piece that begins a line; it also fills the last batch.
            slot: The piece that hides others.
            word_dropout: Share of the pieces that are hidden where they are read. They stay targets.
            length: Batches yielded at a time, as `[length,B,T]`; the last time, fewer can be left.
        """
        order = rng.permutation(len(self.starts) - 1)
        each = np.diff(self.starts)[order] - 1  # the last piece of a line is only a target
        begins = np.cumsum(each) - each
        at = np.repeat(self.starts[:-1][order] - begins, each) + np.arange(each.sum())
        size = batch * window
        for first in range(0, len(at), length * size):
            part = at[first : first + length * size]
            hidden = rng.random(len(part)) < word_dropout
            tokens = np.where(hidden & (self.pieces[part] != bos), np.uint16(slot), self.pieces[part]).astype(np.int32)
            targets = np.where(self.counts[part + 1], self.pieces[part + 1], IGNORE).astype(np.int32)
            missing = (0, -len(part) % size)
            tokens = np.pad(tokens, missing, constant_values=bos)
            targets = np.pad(targets, missing, constant_values=IGNORE)
            yield Batch(tokens.reshape(-1, batch, window), targets.reshape(-1, batch, window))
