"""Divergence between users, from one user to all others, and over time; each compared with its noise floor.

- Between users: pairs drawn at random.
- To the others: leave-one-out, at equal length.
- Temporal drift: a user's last words against their first, with a random split of their messages as the floor.
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
    """Returns at most `MOST_PAIRS` pairs with their divergence; the floor is the mean of both users' floors."""
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
    return Pair(first.user.user_id, second.user.user_id, divergence)


def temporal_drift(half: Halves) -> Divergence:
    """Returns the divergence of a user's first words from their last; each part has the length of a half.

    The floor comes from random halves of the same messages, so a user whose habits are stable stays at the floor.
    Messages of one conversation are close in time, so a value slightly above the floor does not yet show a change.
    """
    length = half.texts.shape[-1]
    return Divergence(between_texts(half.user.words[:length], half.user.words[-length:]), half.floor)


_OTHERS = 1  # added to the seed, so that these draws differ from those of the user's own halves


def plain_to_others(user_texts: UserTexts) -> list[float | None]:
    """Returns the divergence, in bits, of each user's words from all other users' words; None for a user without words.

    This is the measure common in the literature. It ignores length, so it is larger for users who typed less.
    """
    total = sum((user_texts.counts(user) for user in user_texts.users), np.zeros(len(user_texts.vocabulary), np.int64))
    counts = (user_texts.counts(user) for user in user_texts.users)  # one at a time: a row is as long as the vocabulary
    return [jensen_shannon(own, total - own) if own.any() else None for own in counts]


class LeaveOneOut:
    """Draws text of all users except one."""

    def __init__(self, user_texts: UserTexts) -> None:
        self._words = np.concatenate([user.words for user in user_texts.users])
        self._lengths = np.concatenate([user.lengths for user in user_texts.users])
        self._starts = np.cumsum(self._lengths) - self._lengths
        ends = np.cumsum([len(user.lengths) for user in user_texts.users])
        self._own = {
            user.user_id: (int(end) - len(user.lengths), int(end))
            for user, end in zip(user_texts.users, ends, strict=True)
        }

    def draw(self, user: UserText, words: int, rng: np.random.Generator) -> Numbers:
        """Returns `words` words (fewer if there are no more) from random messages of everyone except `user`."""
        first, end = self._own[user.user_id]
        others = len(self._lengths) - (end - first)
        chosen = rng.choice(others, min(others, words), replace=False)
        chosen = np.where(chosen < first, chosen, chosen + (end - first))
        texts = [self._words[self._starts[i] : self._starts[i] + self._lengths[i]] for i in chosen]
        return np.concatenate(texts)[:words]


def leave_one_out(user_texts: UserTexts, halves: tuple[Halves, ...], seed: int) -> tuple[Divergence, ...]:
    """Returns the divergence of each user in `halves` from the other users, in order.

    The floor is the mean of two divergences: between the user's two halves, and between two texts of the others (who
    vary more among themselves).
    """
    others = LeaveOneOut(user_texts)
    return tuple(_to_others(others, half, seed) for half in halves)


def _to_others(others: LeaveOneOut, half: Halves, seed: int) -> Divergence:
    rng = user_rng(seed + _OTHERS, half.user.user_id)
    observed, among_others = [], []
    for own, _ in half.texts:
        drawn = others.draw(half.user, 2 * len(own), rng)
        first, second = np.array_split(drawn, 2)
        observed.append(between_texts(own[: len(first)], first))
        among_others.append(between_texts(first, second))
    return Divergence(float(np.mean(observed)), (half.floor + float(np.mean(among_others))) / 2)
