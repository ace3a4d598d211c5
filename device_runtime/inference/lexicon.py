"""The tokenizer's pieces, laid out for the search: by what they can do in a word, sorted by their text."""

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
    """Some pieces in the order of their texts. `ids [n]`; `texts`: without the boundary sign."""

    ids: npt.NDArray[np.int64]
    texts: list[str]

    @classmethod
    def of(cls, texts: dict[int, str]) -> Pieces:
        order = sorted(texts, key=lambda i: (texts[i], i))
        return cls(np.array(order, np.int64), [texts[i] for i in order])

    def starting(self, prefix: str) -> slice:
        """Where the pieces that begin with `prefix` lie."""
        if not prefix:
            return slice(0, len(self.texts))
        return slice(bisect.bisect_left(self.texts, prefix), bisect.bisect_right(self.texts, prefix + _LAST))


class Lexicon:
    """What the pieces of one tokenizer can do.

    Attributes:
        words: Pieces that are a word by themselves.
        endings: Pieces that end a word: these, and the bare boundary.
        openings: Pieces that begin or continue a word.
        opening_ids: The same, id by text.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.words = Pieces.of(tokenizer.single_piece_words)
        boundary = {i: "" for i, piece in enumerate(tokenizer.pieces) if piece == BOUNDARY}
        self.endings = Pieces.of(tokenizer.single_piece_words | boundary)
        self.openings = Pieces.of(tokenizer.continuing_pieces)
        self.opening_ids = {text: i for i, text in tokenizer.continuing_pieces.items()}

    def piece_of(self, word: str) -> int:
        """The id of the single piece that spells `word`, -1 where it takes several."""
        ids = self._tokenizer.encode_word(word)
        return ids[0] if len(ids) == 1 else -1

    def spelling(self, word: str) -> tuple[int, ...]:
        """The pieces that spell `word`: the only ones under which the search counts it."""
        return tuple(self._tokenizer.encode_word(word))


@functools.lru_cache(maxsize=50_000)
def is_one_word(text: str) -> bool:
    """Whether `text` is exactly one word as `keyboard_model.text.units` sees it: all that may be suggested."""
    found = units(text)
    return len(found) == 1 and found[0].kind is Kind.WORD and found[0].text == text == normalize(text)
