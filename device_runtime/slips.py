"""Completion in spite of one slip of the finger: `tomorow` still offers `tomorrow`.

The words that begin with what is one edit away from the typed prefix: a letter too many, one missing, one
wrong, or two swapped (Damerau 1964). No variant is spelt out that no word begins with: the sorted word
list says which letters follow which beginning.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

LEAST_TYPED = 3
"""Letters from which on a slip is thought of: below, nearly everything is one edit away."""
PENALTY = 0.003
"""How probable it is that a word is typed with one certain slip rather than as it is spelt: a slip in twenty letters,
some seven letters in a word, about a hundred ways to slip in each. An assumption: the corpora hold no keystrokes."""
_LAST = "\U0010ffff"
_FOLLOWERS = 64
"""Letters tried in one place at most: more than an alphabet has, fewer than there are Chinese characters."""

Ranked = list[tuple[str, float]]


def one_slip_away(words: Sequence[str], typed: str) -> list[int]:
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


def with_slips(exact: Ranked, slips: Ranked, k: int) -> Ranked:
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
