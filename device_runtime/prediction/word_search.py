"""Exact best-first search over pieces for the most probable whole words.

A piece with the boundary at its end completes a word. The probability of a continuing piece is an upper bound for every
word that begins with it. So the search expands a piece with another model step only while its probability is above that
of the k-th best word found so far; the others cannot lead to a better word. A word's probability is that of the
tokenizer's spelling, as in training and evaluation, plus the share of the owner's history.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from device_runtime.adapter.encodings import Array
from device_runtime.inference.lexicon import Lexicon, is_one_word
from device_runtime.prediction.user_model import Mixture, UserNgramModel

MAX_EXPANSIONS = 32
"""The most model steps in one search; they take 1 ms. Most searches need far fewer, but unusual prefixes need more."""
_SPARE = 12
"""Candidates examined beyond the k wanted, because some have another spelling or are not words."""

Ids = tuple[int, ...]
NextPieces = Callable[[Ids], Array]
"""Takes the first pieces of a word; returns the log-probabilities `[V]` of the next piece in this context."""
Hidden = Callable[[str], bool]
"""Returns whether a word must not be suggested."""


@dataclass(order=True)
class _Node:
    """The beginning of a word. The most probable comes first, and ties are ordered by the pieces."""

    log_prob: float = field(compare=False)
    priority: float = field(init=False)
    ids: Ids
    text: str = field(compare=False)

    def __post_init__(self) -> None:
        self.priority = -self.log_prob


class WordSearch:
    """One search for the k most probable words that begin with a prefix. Call `run` once."""

    def __init__(
        self,
        lexicon: Lexicon,
        next_pieces: NextPieces,
        history: UserNgramModel,
        mixture: Mixture,
        prefix: str,
        k: int,
        hidden: Hidden | None = None,
    ) -> None:
        self._lexicon = lexicon
        self._next_pieces = next_pieces
        self._history = history
        self._mixture = mixture
        self._prefix = prefix
        self._k = k
        self._hidden = hidden
        self._found: dict[str, float] = {}
        self._kth = 0.0
        self._pending: dict[Ids, list[tuple[int, str]]] = {}

    def run(self) -> list[tuple[str, float]]:
        """Returns up to k words with their probabilities, the most probable first; ties in alphabetical order."""
        log_probs = self._next_pieces(())
        self._offer_first_words(log_probs)
        heap = self._continue(_Node(0.0, (), ""), log_probs)
        heapq.heapify(heap)
        for _ in range(MAX_EXPANSIONS):
            if not heap or self._mixture.scale * math.exp(heap[0].log_prob) <= self._kth:
                break
            node = heapq.heappop(heap)
            log_probs = self._next_pieces(node.ids)
            self._end(node, log_probs)
            for child in self._continue(node, log_probs):
                heapq.heappush(heap, child)
        return heapq.nsmallest(self._k, self._found.items(), key=lambda item: (-item[1], item[0]))

    def _offer_first_words(self, log_probs: Array) -> None:
        """Offers the single-piece words, and the owner's longer words with the history's share of their probability."""
        extra, pieces = self._mixture.extra, self._history.pieces
        by_piece = self._history.by_piece(self._mixture, len(log_probs))
        span = self._lexicon.words.starting(self._prefix)
        ids = self._lexicon.words.ids[span]
        scores = self._mixture.scale * np.exp(log_probs[ids]) + by_piece[ids]
        texts = self._lexicon.words.texts
        for position in self._best(scores, lambda position: texts[span.start + position]):
            word = texts[span.start + int(position)]
            self._offer(word, (int(ids[position]),), float(scores[position]))
        self._settle()
        longer = self._longer_words(pieces)
        units = self._history.units
        for position in self._best(extra[longer], lambda position: units[int(longer[position])]):
            index = int(longer[position])
            word, score = units[index], float(extra[index])
            if score > 0.0 and is_one_word(word):
                self._found[word] = score
                spelling = self._lexicon.spelling(word)
                self._pending.setdefault(spelling[:-1], []).append((spelling[-1], word))
        self._settle()

    def _longer_words(self, pieces: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if not self._prefix:
            return np.flatnonzero(pieces < 0)
        indexes = np.fromiter(self._history.completions(self._prefix), np.int64)
        return indexes[pieces[indexes] < 0]

    def _end(self, node: _Node, log_probs: Array) -> None:
        """Offers the words that end right after `node`."""
        for last, word in self._pending.pop(node.ids, ()):
            self._offer(word, (*node.ids, last), self._score(word, node.log_prob + float(log_probs[last])))
        endings = self._lexicon.endings
        span = endings.starting(self._prefix[len(node.text) :])
        ids = endings.ids[span]
        scores = node.log_prob + log_probs[ids]
        able = np.flatnonzero(scores > _log(self._kth / self._mixture.scale))
        first = span.start
        for index in self._best(scores[able], lambda at: node.text + endings.texts[first + int(able[at])]):
            position = able[index]
            word = node.text + endings.texts[first + int(position)]
            self._offer(word, (*node.ids, int(ids[position])), self._score(word, float(scores[position])))
        self._settle()

    def _score(self, word: str, log_prob: float) -> float:
        index = self._history.index(word)
        extra = 0.0 if index is None else float(self._mixture.extra[index])
        return self._mixture.scale * math.exp(log_prob) + extra

    def _offer(self, word: str, spelling: Ids, score: float) -> None:
        if score > self._kth and spelling == self._lexicon.spelling(word) and is_one_word(word):
            self._found[word] = score

    def _best(self, scores: npt.NDArray[np.floating[Any]], word: Callable[[int], str]) -> npt.NDArray[np.int64]:
        """Returns the positions of the k + _SPARE best scores, largest first, without those of hidden words."""
        count = self._k + _SPARE
        while True:
            best = _best(scores, count)
            if self._hidden is None:
                return best
            shown = [position for position in best if not self._hidden(word(int(position)))]
            if len(shown) >= self._k + _SPARE or count >= len(scores):
                return np.array(shown[: self._k + _SPARE], np.int64)
            count *= 4

    def _settle(self) -> None:
        best = heapq.nlargest(self._k, self._found.values())
        self._kth = best[-1] if len(best) == self._k else 0.0

    def _continue(self, node: _Node, log_probs: Array) -> list[_Node]:
        """Returns the continuations of `node` that can still lead to one of the k best words."""
        rest = self._prefix[len(node.text) :]
        continuing = self._lexicon.continuing
        span = continuing.starting(rest)
        ids = continuing.ids[span]
        scores = node.log_prob + log_probs[ids]
        able = np.flatnonzero(scores > _log(self._kth / self._mixture.scale))
        children = [
            _Node(float(scores[at]), (*node.ids, int(ids[at])), node.text + continuing.texts[span.start + int(at)])
            for at in able[_best(scores[able], MAX_EXPANSIONS)]
        ]
        for end in range(1, len(rest)):  # pieces that end inside the typed prefix
            piece = self._lexicon.continuing_ids.get(rest[:end])
            if piece is not None:
                children.append(
                    _Node(node.log_prob + float(log_probs[piece]), (*node.ids, piece), node.text + rest[:end])
                )
        return children


def _best(scores: npt.NDArray[np.floating[Any]], count: int) -> npt.NDArray[np.int64]:
    """Returns the positions of the `count` largest scores, largest first; ties by position."""
    if len(scores) <= count:
        return np.argsort(-scores, kind="stable")
    some = np.sort(np.argpartition(-scores, count)[:count])
    return some[np.argsort(-scores[some], kind="stable")]


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf
