"""How far two users' words are from each other, over pairs drawn at random, against the noise floor.

How far a user's words of today are from their own of the past, against the floor of a random split.

How far one user's words are from everybody else's: leave-one-out, at equal length, against the noise floor.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from federated.heterogeneity.divergence import Divergence, Halves, between_texts, jensen_shannon, user_rng
from federated.heterogeneity.user_texts import Numbers, UserText, UserTexts

MOST_PAIRS = 1000


@dataclass(frozen=True)
class Pair:
    """Two users and the divergence between them."""

    first: str
    second: str
    divergence: Divergence


def between_users(halves: tuple[Halves, ...], seed: int) -> tuple[Pair, ...]:
    """Returns at most `MOST_PAIRS` pairs of users, each with its divergence; the floor is the mean of both's own."""
    return tuple(_pair(halves[i], halves[j]) for i, j in _pairs(len(halves), seed))


def _pairs(users: int, seed: int) -> list[tuple[int, int]]:
    count = users * (users - 1) // 2
    if count <= MOST_PAIRS:
        return list(itertools.combinations(range(users), 2))
    rows, columns = np.triu_indices(users, 1)
    chosen = np.sort(np.random.default_rng(seed).choice(count, MOST_PAIRS, replace=False))
    return [(int(rows[i]), int(columns[i])) for i in chosen]


def _pair(first: Halves, second: Halves) -> Pair:
    observed = [between_texts(own[0], other[0]) for own, other in zip(first.texts, second.texts, strict=True)]
    divergence = Divergence(float(np.mean(observed)), (first.floor + second.floor) / 2)
    return Pair(first.writer.user_id, second.writer.user_id, divergence)


def temporal_drift(half: Halves) -> Divergence:
    """Returns the divergence of a user's first words to their last, as many as a half has.

    The floor is that of halves drawn at random from the same messages: who writes today as ever stays at it. Messages
    of one conversation lie together in time, so that a little above the floor is no change of habit yet.
    """
    length = half.texts.shape[-1]
    return Divergence(between_texts(half.writer.words[:length], half.writer.words[-length:]), half.floor)


_OTHERS = 1  # added to the seed: other draws than those of the user's own halves


def plain_to_others(writers: UserTexts) -> list[float | None]:
    """Returns the divergence of all of each user's words to all of the others', in bits; None for who typed none.

    As the literature takes it, with no regard to length: it is the larger the less a user typed.
    """
    total = sum((writers.counts(user) for user in writers.users), np.zeros(len(writers.vocabulary), np.int64))
    counts = (writers.counts(user) for user in writers.users)  # one at a time: a row is as long as the vocabulary
    return [jensen_shannon(own, total - own) if own.any() else None for own in counts]


class LeaveOneOut:
    """The messages of all, from which a user's others are drawn."""

    def __init__(self, writers: UserTexts) -> None:
        self._words = np.concatenate([user.words for user in writers.users])
        self._lengths = np.concatenate([user.lengths for user in writers.users])
        self._starts = np.cumsum(self._lengths) - self._lengths
        ends = np.cumsum([len(user.lengths) for user in writers.users])
        self._own = {
            user.user_id: (int(end) - len(user.lengths), int(end))
            for user, end in zip(writers.users, ends, strict=True)
        }

    def draw(self, writer: UserText, words: int, rng: np.random.Generator) -> Numbers:
        """Returns `words` words (fewer where there are no more) of random messages of all but `writer`."""
        first, end = self._own[writer.user_id]
        others = len(self._lengths) - (end - first)
        chosen = rng.choice(others, min(others, words), replace=False)
        chosen = np.where(chosen < first, chosen, chosen + (end - first))
        texts = [self._words[self._starts[i] : self._starts[i] + self._lengths[i]] for i in chosen]
        return np.concatenate(texts)[:words]


def leave_one_out(writers: UserTexts, halves: tuple[Halves, ...], seed: int) -> tuple[Divergence, ...]:
    """Returns each halved user's divergence to the others, in order.

    The floor is the mean of two halves' of the user and of two texts' of the others, who vary more among themselves.
    """
    others = LeaveOneOut(writers)
    return tuple(_to_others(others, half, seed) for half in halves)


def _to_others(others: LeaveOneOut, half: Halves, seed: int) -> Divergence:
    rng = user_rng(seed + _OTHERS, half.writer.user_id)
    observed, among_others = [], []
    for own, _ in half.texts:
        drawn = others.draw(half.writer, 2 * len(own), rng)
        first, second = np.array_split(drawn, 2)
        observed.append(between_texts(own[: len(first)], first))
        among_others.append(between_texts(first, second))
    return Divergence(float(np.mean(observed)), (half.floor + float(np.mean(among_others))) / 2)
