"""Exact best-first search over pieces for the most probable whole words.

A piece that ends in the boundary completes a word. A continuing piece's probability bounds that of
every word it begins, so it is expanded by another step of the model only while it is above the k-th
best word found; what is left then cannot matter. A word's probability is that of its own spelling (the
tokenizer's), the one that training and evaluation count, and the owner's history is added on top.
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
"""Steps of the model for one search: 1 ms. Measured means are far below; a bound for odd prefixes."""
_SPARE = 12
"""Candidates looked at beyond the k wanted: some are spelt otherwise or are no word."""

Ids = tuple[int, ...]
NextPieces = Callable[[Ids], Array]
"""Log-probabilities `[V]` of the piece after the context and these pieces of a word."""
Hidden = Callable[[str], bool]
"""Whether a word is never to be suggested."""


@dataclass(order=True)
class _Node:
    """The beginning of a word; the most probable first, then by its pieces, so that ties have one order."""

    log_prob: float = field(compare=False)
    priority: float = field(init=False)
    ids: Ids
    text: str = field(compare=False)

    def __post_init__(self) -> None:
        self.priority = -self.log_prob


class WordSearch:
    """One search; call `run` once."""

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
        """Returns up to k words with their probabilities, the most probable first; ties by the alphabet."""
        log_probs = self._next_pieces(())
        self._begin(log_probs)
        heap = self._openings(_Node(0.0, (), ""), log_probs)
        heapq.heapify(heap)
        for _ in range(MAX_EXPANSIONS):
            if not heap or self._mixture.scale * math.exp(heap[0].log_prob) <= self._kth:
                break
            node = heapq.heappop(heap)
            log_probs = self._next_pieces(node.ids)
            self._endings(node, log_probs)
            for child in self._openings(node, log_probs):
                heapq.heappush(heap, child)
        return heapq.nsmallest(self._k, self._found.items(), key=lambda item: (-item[1], item[0]))

    def _begin(self, log_probs: Array) -> None:
        """Offers the words of one piece, and the owner's others as far as the history alone carries them."""
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

    def _endings(self, node: _Node, log_probs: Array) -> None:
        """Offers the words that end right after `node`."""
        for last, word in self._pending.pop(node.ids, ()):
            self._offer(word, (*node.ids, last), self._score(word, node.log_prob + float(log_probs[last])))
        endings = self._lexicon.endings
        span = endings.starting(self._prefix[len(node.text) :])
        ids = endings.ids[span]
        scores = node.log_prob + log_probs[ids]
        able = np.flatnonzero(scores > _log(self._kth / self._mixture.scale))
        begun = span.start
        for found in self._best(scores[able], lambda at: node.text + endings.texts[begun + int(able[at])]):
            position = able[found]
            word = node.text + endings.texts[begun + int(position)]
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
        """The positions of the best scores, largest first, as many as are looked at; those of hidden words left out."""
        count = self._k + _SPARE
        while True:
            found = _best(scores, count)
            if self._hidden is None:
                return found
            shown = [position for position in found if not self._hidden(word(int(position)))]
            if len(shown) >= self._k + _SPARE or count >= len(scores):
                return np.array(shown[: self._k + _SPARE], np.int64)
            count *= 4

    def _settle(self) -> None:
        best = heapq.nlargest(self._k, self._found.values())
        self._kth = best[-1] if len(best) == self._k else 0.0

    def _openings(self, node: _Node, log_probs: Array) -> list[_Node]:
        """The continuations of `node` that could still hold one of the k best words."""
        rest = self._prefix[len(node.text) :]
        openings = self._lexicon.openings
        span = openings.starting(rest)
        ids = openings.ids[span]
        scores = node.log_prob + log_probs[ids]
        able = np.flatnonzero(scores > _log(self._kth / self._mixture.scale))
        children = [
            _Node(float(scores[at]), (*node.ids, int(ids[at])), node.text + openings.texts[span.start + int(at)])
            for at in able[_best(scores[able], MAX_EXPANSIONS)]
        ]
        for end in range(1, len(rest)):  # the typed prefix goes on after this piece
            piece = self._lexicon.opening_ids.get(rest[:end])
            if piece is not None:
                children.append(
                    _Node(node.log_prob + float(log_probs[piece]), (*node.ids, piece), node.text + rest[:end])
                )
        return children


def _best(scores: npt.NDArray[np.floating[Any]], count: int) -> npt.NDArray[np.int64]:
    """The positions of the `count` largest scores, largest first, ties by position."""
    if len(scores) <= count:
        return np.argsort(-scores, kind="stable")
    some = np.sort(np.argpartition(-scores, count)[:count])
    return some[np.argsort(-scores[some], kind="stable")]


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf
