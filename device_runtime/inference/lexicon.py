"""The tokenizer's pieces, arranged for the word search: grouped by their role in a word, and sorted by text."""

from __future__ import annotations

import bisect
import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyboard_model.text.tokenizer import BOUNDARY, Tokenizer
from keyboard_model.text.units import Kind, normalize, units

_LAST = "\U0010ffff"


@dataclass(frozen=True)
class Pieces:
    """Some pieces, sorted by text.

    >>> pieces = Pieces.of({1: "to", 2: "tomorrow", 3: "at", 4: "too"})
    >>> pieces.texts[pieces.starting("to")]
    ['to', 'tomorrow', 'too']

    Attributes:
        ids: `[n]`, the ids of the pieces.
        texts: Their texts, without the boundary sign.
    """

    ids: npt.NDArray[np.int64]
    texts: list[str]

    @classmethod
    def of(cls, texts: dict[int, str]) -> Pieces:
        """Returns the pieces with these texts, by id."""
        order = sorted(texts, key=lambda i: (texts[i], i))
        return cls(np.array(order, np.int64), [texts[i] for i in order])

    def starting(self, prefix: str) -> slice:
        """Returns the positions of the pieces that begin with `prefix`."""
        if not prefix:
            return slice(0, len(self.texts))
        return slice(bisect.bisect_left(self.texts, prefix), bisect.bisect_right(self.texts, prefix + _LAST))


class Lexicon:
    """The pieces of one tokenizer.

    Attributes:
        words: The pieces that are whole words.
        endings: The pieces that end a word: whole words, and the bare boundary.
        continuing: The pieces that begin or continue a word.
        continuing_ids: The ids of the continuing pieces, by text.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.words = Pieces.of(tokenizer.single_piece_words)
        boundary = {i: "" for i, piece in enumerate(tokenizer.pieces) if piece == BOUNDARY}
        self.endings = Pieces.of(tokenizer.single_piece_words | boundary)
        self.continuing = Pieces.of(tokenizer.continuing_pieces)
        self.continuing_ids = {text: i for i, text in tokenizer.continuing_pieces.items()}

    def piece_of(self, word: str) -> int:
        """Returns the id of the single piece that spells `word`; -1 = it needs several pieces."""
        ids = self._tokenizer.encode_word(word)
        return ids[0] if len(ids) == 1 else -1

    def spelling(self, word: str) -> tuple[int, ...]:
        """Returns the pieces that spell `word`. The search ignores every other spelling."""
        return tuple(self._tokenizer.encode_word(word))


@functools.lru_cache(maxsize=50_000)
def is_one_word(text: str) -> bool:
    """Whether `text` is exactly one word for `keyboard_model.text.units`. Nothing else is suggested.

    >>> [is_one_word(text) for text in ("don't", "two words", "a.", "A")]
    [True, False, False, False]
    """
    split = units(text)
    return len(split) == 1 and split[0].kind is Kind.WORD and split[0].text == text == normalize(text)
