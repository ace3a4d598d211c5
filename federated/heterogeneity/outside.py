"""Words that are a user's alone: the share of their typing outside what users share."""

from __future__ import annotations

import numpy as np

from federated.heterogeneity.writers import Writers
from keyboard_model.tokenizer import Tokenizer

OTHERS = 2
"""A word is shared when at least so many *other* users typed it, as a vocabulary made without this user has it."""


def outside_shared(writers: Writers) -> list[float | None]:
    """Returns each user's share of words typed that fewer than `OTHERS` others typed.

    None for who typed nothing, and for all where there are not so many others.
    """
    if sum(len(user.words) > 0 for user in writers.users) <= OTHERS:
        return [None] * len(writers.users)
    typists = np.zeros(len(writers.vocabulary), np.int64)
    for user in writers.users:
        typists[np.unique(user.words)] += 1
    # One typist of each of a user's words is the user.
    return [float(np.mean(typists[user.words] - 1 < OTHERS)) if len(user.words) else None for user in writers.users]


def outside_tokenizer(writers: Writers, tokenizer: Tokenizer) -> list[float | None]:
    """Returns each user's share of words typed that `tokenizer` has no single piece for; None for who typed none."""
    whole = set(tokenizer.single_piece_words.values())
    outside = np.array([word not in whole for word in writers.vocabulary])
    return [float(np.mean(outside[user.words])) if len(user.words) else None for user in writers.users]
