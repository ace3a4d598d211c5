"""Completes a prefix that has one typo: `tomorow` still offers `tomorrow`.

A typo is one edit (Damerau 1964): a letter too many, a missing letter, a wrong letter, or two swapped letters. The
search tries only variants with which a word begins, because the sorted word list shows which letters follow a prefix.
The corrected words are ranked together with those that match the prefix exactly.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from device_runtime.inference.lexicon import Lexicon, is_one_word
from device_runtime.prediction.user_model import Floats, Mixture, UserNgramModel
from device_runtime.prediction.word_search import Hidden, NextPieces

MIN_TYPED = 3
"""Shorter prefixes are not corrected, because nearly every word is one edit away from them."""
PENALTY = 0.003
"""How probable one particular typo is, relative to the correct spelling. It assumes a typo in twenty letters, seven
letters in a word, and a hundred possible typos in each word; the corpora contain no keystrokes to measure it on."""
_LAST = "\U0010ffff"
_FOLLOWERS = 64
"""The most letters tried at one position: more than an alphabet has, but fewer than there are Chinese characters."""

Ranked = list[tuple[str, float]]


def within_one_edit(words: Sequence[str], typed: str) -> list[int]:
    """Returns the positions of the words that begin with a string one edit away from `typed`, ascending.

    >>> words = ["hello", "the", "then", "tomato", "tomorrow"]
    >>> [words[at] for at in within_one_edit(words, "tomorow")]
    ['tomorrow']

    Words that begin with `typed` are left out. The result is empty if `typed` is shorter than MIN_TYPED.

    Args:
        words: Words in alphabetical order.
        typed: The typed prefix, in lower case.
    """
    if len(typed) < MIN_TYPED:
        return []
    matches: set[int] = set()
    low, high = 0, len(words)
    for at in range(len(typed)):
        head = typed[:at]
        for rest in _rests(words, low, high, typed, at):
            matches.update(range(bisect_left(words, head + rest, low, high), _end(words, head + rest, low, high)))
        low, high = bisect_left(words, typed[: at + 1], low, high), _end(words, typed[: at + 1], low, high)
        if low >= high:
            break
    return sorted(matches - set(range(bisect_left(words, typed), _end(words, typed, 0, len(words)))))


def _rests(words: Sequence[str], low: int, high: int, typed: str, at: int) -> Iterator[str]:
    """Yields what `typed[at:]` can stand for with a typo at `at`; `words[low:high]` begin with `typed[:at]`."""
    rest = typed[at:]
    yield rest[1:]
    if len(rest) > 1:
        yield rest[1] + rest[0] + rest[2:]
    for letter in islice(_followers(words, low, high, at), _FOLLOWERS):
        if letter != rest[0]:
            yield letter + rest
            yield letter + rest[1:]


def _followers(words: Sequence[str], low: int, high: int, at: int) -> Iterator[str]:
    """Yields the letters at position `at` of `words[low:high]`, each once."""
    while low < high:
        beginning = words[low][: at + 1]
        if len(beginning) > at:
            yield beginning[at]
            low = _end(words, beginning, low, high)
        else:
            low += 1


def _end(words: Sequence[str], beginning: str, low: int, high: int) -> int:
    return bisect_right(words, beginning + _LAST, low, high)


def merge_typo_matches(exact: Ranked, corrected: Ranked, k: int) -> Ranked:
    """Merges exact matches and corrected words.

    If the best exact match is at least as probable as the best corrected word, corrected words only fill the places
    that exact matches leave empty. Otherwise all words compete.

    >>> exact, corrected = [("then", 0.2), ("theta", 0.01)], [("tea", 0.1), ("hen", 0.05)]
    >>> merge_typo_matches(exact, corrected, k=2)
    [('then', 0.2), ('theta', 0.01)]
    >>> merge_typo_matches(exact, corrected, k=3)
    [('then', 0.2), ('tea', 0.1), ('theta', 0.01)]

    Args:
        exact: Words that begin with the typed prefix, the most probable first.
        corrected: Words that begin with it after one edit, the most probable first, with PENALTY times their
            probability.
        k: How many words at most.

    Returns:
        Words with their probabilities, the most probable first; ties in alphabetical order.
    """
    if exact and corrected and exact[0][1] >= corrected[0][1]:
        corrected = corrected[: max(k - len(exact), 0)]
    return sorted([*exact, *corrected], key=lambda item: (-item[1], item[0]))[:k]


def complete_with_typos(
    exact: Ranked,
    lexicon: Lexicon,
    next_pieces: NextPieces,
    history: UserNgramModel,
    mixture: Mixture,
    prefix: str,
    k: int,
    hidden: Hidden | None,
) -> Ranked:
    """Returns the words of `exact`, which `WordSearch` found, merged with words that match `prefix` after one edit.

    The candidates for a correction are the single-piece words and the owner's words. They count PENALTY times their
    probability; `merge_typo_matches` decides whether they are shown.
    """
    if len(prefix) < MIN_TYPED:
        return exact
    scores = mixture.scale * np.exp(next_pieces(())) + history.by_piece(mixture, len(next_pieces(())))
    most = PENALTY * max(float(scores.max()), float(mixture.extra.max(initial=0.0)))
    if len(exact) >= k and exact[0][1] >= most:
        return exact
    candidates = _shared(lexicon, scores, prefix) | _own(history, mixture, prefix)
    ranked = sorted(candidates.items(), key=lambda item: (-item[1], item[0]))
    known = {word for word, _ in exact}
    corrected: Ranked = []
    for word, score in ranked:
        if len(corrected) == k or score <= 0.0:
            break
        if word not in known and is_one_word(word) and not (hidden is not None and hidden(word)):
            corrected.append((word, PENALTY * score))
    return merge_typo_matches(exact, corrected, k)


def _shared(lexicon: Lexicon, scores: Floats, prefix: str) -> dict[str, float]:
    words = lexicon.words
    pieces = {words.texts[at]: int(words.ids[at]) for at in within_one_edit(words.texts, prefix)}
    return {word: float(scores[piece]) for word, piece in pieces.items() if lexicon.piece_of(word) == piece}


def _own(history: UserNgramModel, mixture: Mixture, prefix: str) -> dict[str, float]:
    """Returns the owner's words of several pieces, with the history's share of their probability."""
    words = [history.sorted_words[at] for at in within_one_edit(history.sorted_words, prefix)]
    indexes = [(word, history.index(word)) for word in words]
    return {
        word: float(mixture.extra[index])
        for word, index in indexes
        if index is not None and int(history.pieces[index]) < 0
    }
