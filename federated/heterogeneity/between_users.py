"""How far two users' words are from each other, over pairs drawn at random, against the noise floor."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from federated.heterogeneity.divergence import Divergence, between_texts
from federated.heterogeneity.halves import Halves

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
