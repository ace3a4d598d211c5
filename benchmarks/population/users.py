"""A stream of made-up users, as many as one likes, in constant memory and a few microseconds a message.

Words are drawn by Zipf's law from a vocabulary that grows with no population. Each user has favourites of its own. The
texts have no grammar: only their number and length matter here. `federated.corpus.synthetic` makes messages that read
like messages, and is a hundred times slower.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from federated.corpus.schema import Record

MEAN_MESSAGES = 8
_WORDS = 20_000
_FAVOURITES, _FAVOURITE_SHARE = 20, 0.2
_SHORTEST, _LONGEST = 2, 8  # words of a message
_USERS_AT_ONCE = 1000
_SYLLABLES = [first + vowel for first in "bdfghklmnprstvz" for vowel in "aeiou"]


def user_id(number: int) -> str:
    """Returns the id of a user; ids are in the order of the numbers."""
    return f"user-{number:09d}"


def records(users: int, seed: int) -> Iterator[Record]:
    """Yields the messages of the users, one user after the other. Every user has at least one.

    >>> [record.user_id for record in records(2, seed=0)][-1]
    'user-000000001'
    """
    words = np.array([_word(number) for number in range(_WORDS)], dtype=object)
    cumulative = np.cumsum(1.0 / np.arange(1, _WORDS + 1))
    cumulative /= cumulative[-1]
    for first in range(0, users, _USERS_AT_ONCE):
        rng = np.random.default_rng([seed, first])
        numbers = np.arange(first, min(first + _USERS_AT_ONCE, users))
        messages = rng.geometric(1.0 / MEAN_MESSAGES, len(numbers))
        lengths = rng.integers(_SHORTEST, _LONGEST + 1, messages.sum())
        author = np.repeat(np.repeat(np.arange(len(numbers)), messages), lengths)
        drawn = np.searchsorted(cumulative, rng.random(len(author)))
        favourites = rng.integers(0, _WORDS, (len(numbers), _FAVOURITES))
        own = favourites[author, rng.integers(0, _FAVOURITES, len(author))]
        texts = words[np.where(rng.random(len(author)) < _FAVOURITE_SHARE, own, drawn)].tolist()
        ends = np.cumsum(lengths).tolist()
        starts = [0, *ends[:-1]]
        of_message = np.repeat(numbers, messages).tolist()
        for number, start, end in zip(of_message, starts, ends, strict=True):
            yield Record(user_id(number), None, " ".join(texts[start:end]))


def _word(number: int) -> str:
    """Returns a word of syllables; frequent words are short."""
    syllables = [_SYLLABLES[number % len(_SYLLABLES)]]
    while number := number // len(_SYLLABLES):
        syllables.append(_SYLLABLES[number % len(_SYLLABLES)])
    return "".join(syllables)
