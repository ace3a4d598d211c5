"""Completion in spite of one slip of the finger: `tomorow` still offers `tomorrow`.

The words that begin with what is one edit away from the typed prefix: a letter too many, one missing, one
wrong, or two swapped (Damerau 1964). No variant is spelt out that no word begins with: the sorted word
list says which letters follow which beginning.

The words that would fit what was typed but for one slip, ranked, beside those that do fit it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from device_runtime.inference.lexicon import Lexicon, is_one_word
from device_runtime.prediction.user_model import Floats, Mixture, UserNgramModel
from device_runtime.prediction.word_search import Hidden, NextPieces

LEAST_TYPED = 3
"""Letters from which on a slip is thought of: below, nearly everything is one edit away."""
PENALTY = 0.003
"""How probable it is that a word is typed with one certain slip rather than as it is spelt: a slip in twenty letters,
some seven letters in a word, about a hundred ways to slip in each. An assumption: the corpora hold no keystrokes."""
_LAST = "\U0010ffff"
_FOLLOWERS = 64
"""Letters tried in one place at most: more than an alphabet has, fewer than there are Chinese characters."""

Ranked = list[tuple[str, float]]


def within_one_edit(words: Sequence[str], typed: str) -> list[int]:
    """Returns the positions in `words` (sorted) of those with a beginning one edit from `typed`, ascending.

    Those that begin with `typed` itself are left out; all are where `typed` is shorter than LEAST_TYPED.
    """
    if len(typed) < LEAST_TYPED:
        return []
    found: set[int] = set()
    low, high = 0, len(words)
    for at in range(len(typed)):
        head = typed[:at]
        for rest in _rests(words, low, high, typed, at):
            found.update(range(bisect_left(words, head + rest, low, high), _end(words, head + rest, low, high)))
        low, high = bisect_left(words, typed[: at + 1], low, high), _end(words, typed[: at + 1], low, high)
        if low >= high:
            break
    return sorted(found - set(range(bisect_left(words, typed), _end(words, typed, 0, len(words)))))


def _rests(words: Sequence[str], low: int, high: int, typed: str, at: int) -> Iterator[str]:
    """What may have been meant from `at` on by a slip there; `words[low:high]` begin with what is before it."""
    rest = typed[at:]
    yield rest[1:]
    if len(rest) > 1:
        yield rest[1] + rest[0] + rest[2:]
    for letter in islice(_followers(words, low, high, at), _FOLLOWERS):
        if letter != rest[0]:
            yield letter + rest
            yield letter + rest[1:]


def _followers(words: Sequence[str], low: int, high: int, at: int) -> Iterator[str]:
    """The letters at `at` of the words from `low` to `high`, each once."""
    while low < high:
        beginning = words[low][: at + 1]
        if len(beginning) > at:
            yield beginning[at]
            low = _end(words, beginning, low, high)
        else:
            low += 1


def _end(words: Sequence[str], beginning: str, low: int, high: int) -> int:
    return bisect_right(words, beginning + _LAST, low, high)


def merge_typo_matches(exact: Ranked, slips: Ranked, k: int) -> Ranked:
    """Returns up to k words, the most probable first, ties by the alphabet.

    Args:
        exact: Words that begin with what was typed, the most probable first.
        slips: Words that do after one edit, the most probable first, each PENALTY times as probable as it is.
        k: Where `exact` holds so many and its first is as probable as the first of `slips`, it stays as it is; where
            it holds fewer, slips fill it up; where even its first is less probable, all compete.
    """
    if exact and slips and exact[0][1] >= slips[0][1]:
        slips = slips[: max(k - len(exact), 0)]
    return sorted([*exact, *slips], key=lambda item: (-item[1], item[0]))[:k]


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
    """Returns `exact` (what `WordSearch` found) with words of one piece and the owner's that are a slip away.

    A slip's word is worth PENALTY times its probability; see `slips.merge_typo_matches` for when it is shown.
    """
    if len(prefix) < LEAST_TYPED:
        return exact
    scores = mixture.scale * np.exp(next_pieces(())) + history.by_piece(mixture, len(next_pieces(())))
    most = PENALTY * max(float(scores.max()), float(mixture.extra.max(initial=0.0)))
    if len(exact) >= k and exact[0][1] >= most:
        return exact
    offered = _shared(lexicon, scores, prefix) | _own(history, mixture, prefix)
    ranked = sorted(offered.items(), key=lambda item: (-item[1], item[0]))
    known = {word for word, _ in exact}
    slips: Ranked = []
    for word, score in ranked:
        if len(slips) == k or score <= 0.0:
            break
        if word not in known and is_one_word(word) and not (hidden is not None and hidden(word)):
            slips.append((word, PENALTY * score))
    return merge_typo_matches(exact, slips, k)


def _shared(lexicon: Lexicon, scores: Floats, prefix: str) -> dict[str, float]:
    words = lexicon.words
    found = {words.texts[at]: int(words.ids[at]) for at in within_one_edit(words.texts, prefix)}
    return {word: float(scores[piece]) for word, piece in found.items() if lexicon.piece_of(word) == piece}


def _own(history: UserNgramModel, mixture: Mixture, prefix: str) -> dict[str, float]:
    """The owner's words of several pieces, as far as the history alone carries them."""
    words = [history.sorted_words[at] for at in within_one_edit(history.sorted_words, prefix)]
    indexes = [(word, history.index(word)) for word in words]
    return {
        word: float(mixture.extra[index])
        for word, index in indexes
        if index is not None and int(history.pieces[index]) < 0
    }
