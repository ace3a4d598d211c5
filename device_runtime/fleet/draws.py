"""Chance, told apart by what it decides: to draw more of one thing changes nothing about another."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Draw(IntEnum):
    """What is drawn. A number once given stays: it is part of what a seed means."""

    OWNERS = 0
    TYPING = 1
    NIGHTS = 2
    POWER = 3
    CLOCK = 4
    ROLLOUT = 5
    WORDS = 6


def generator(seed: int, what: Draw, phone: int = 0) -> np.random.Generator:
    """Returns the source of chance of one thing about one phone; whatever else is drawn, it gives the same."""
    return np.random.default_rng([seed, int(what), phone])
