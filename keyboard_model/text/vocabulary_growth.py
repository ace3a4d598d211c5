"""Adds pieces to a vocabulary, so that a model that was trained with it can go on with the words of other people.

Byte pair encoding (Sennrich et al. 2016, arXiv:1508.07909, section 3.2) continues where the training of the vocabulary
ended: the most frequent pair of neighbouring pieces becomes a piece, then the next one. New pieces come last, in the
order of ids and in that of merges. So the others keep their ids, and a word that is a single piece remains one.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from keyboard_model.text.tokenizer import BOUNDARY, Tokenizer


class GrownVocabulary(NamedTuple):
    """The larger vocabulary.

    Attributes:
        tokenizer: With the pieces of the old one, and after them the new ones.
        parts: For each new piece, the ids of the old pieces that it replaces.
    """

    tokenizer: Tokenizer
    parts: list[tuple[int, ...]]


def grow(tokenizer: Tokenizer, word_counts: Mapping[str, int], most: int) -> GrownVocabulary:
    """Adds pieces for words that are spelt in several pieces so far.

    Args:
        tokenizer: The vocabulary; it is not changed.
        word_counts: How often each word was typed. Pass only words that several clients share.
        most: Most new pieces.
    """
    merges = _Merges(tokenizer, word_counts)
    while len(merges.added) < most and merges.merge_most_frequent():
        pass
    return GrownVocabulary(tokenizer.with_pieces(list(merges.added)), list(merges.added.values()))


class _Merges:
    """The words in pieces, and how often each pair of neighbours, joined, occurs in them."""

    def __init__(self, tokenizer: Tokenizer, word_counts: Mapping[str, int]) -> None:
        self.added: dict[str, tuple[int, ...]] = {}
        self._known: dict[str, tuple[int, ...]] = {piece: (number,) for number, piece in enumerate(tokenizer.pieces)}
        self._counts: Counter[str] = Counter()
        self._words_with: defaultdict[str, set[int]] = defaultdict(set)
        self._queue: list[tuple[int, str]] = []
        self._words: list[list[str]] = []
        self._frequency: list[int] = []
        for word, count in sorted(word_counts.items()):
            pieces = [tokenizer.pieces[number] for number in tokenizer.encode_word(word)]
            if len(pieces) > 1 and "".join(pieces) == word + BOUNDARY:  # not in bytes
                self._words.append(pieces)
                self._frequency.append(count)
                self._count(len(self._words) - 1, 1)

    def merge_most_frequent(self) -> bool:
        """Merges the most frequent pair everywhere; equally frequent ones in the order of spelling. False: none."""
        while self._queue:
            count, joined = heapq.heappop(self._queue)
            if -count == self._counts[joined] > 0:
                break
        else:
            return False
        for at in sorted(self._words_with.pop(joined)):
            self._count(at, -1)
            self._merge(at, joined)
            self._count(at, 1)
        return True

    def _merge(self, at: int, joined: str) -> None:
        merged: list[str] = []
        for piece in self._words[at]:
            if merged and merged[-1] + piece == joined:
                if joined not in self._known:
                    self.added[joined] = self._known[joined] = self._known[merged[-1]] + self._known[piece]
                merged[-1] = joined
            else:
                merged.append(piece)
        self._words[at] = merged

    def _count(self, at: int, sign: int) -> None:
        for older, newer in pairwise(self._words[at]):
            joined = older + newer
            self._counts[joined] += sign * self._frequency[at]
            if sign > 0:
                self._words_with[joined].add(at)
            heapq.heappush(self._queue, (-self._counts[joined], joined))
