"""N-grams of two sources in one table: those of users above those of public text, order by order.

    p1 = α·u1 + (1−α)·b1                     u: users, b: the base; α = `unigram_share`
    p2 = share_u2 + left_u2·(share_b2 + left_b2·p1)
    p3 = share_u3 + left_u3·(share_b3 + left_b3·p2)

What users' n-grams of an order leave goes to the public ones of the same order, and only then to the order below. Two
levels of one order are one level again, with the shares share_u + left_u·share_b. So a phone needs nothing new.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from keyboard_model.ngram.table import Level, NgramError, NgramTable


def stacked(base: NgramTable, users: NgramTable, unigram_share: float = 0.5) -> NgramTable:
    """Returns one table of both.

    Args:
        base: The n-grams of public text.
        users: The n-grams of users, with the same pieces.
        unigram_share: Share of the users in the distribution without a context.

    Raises:
        NgramError: the tables have different vocabularies.
    """
    if base.vocab != users.vocab:
        raise NgramError(f"the n-grams have {base.vocab:,} and {users.vocab:,} pieces: they need the same vocabulary")
    unigram = unigram_share * users.unigram + (1.0 - unigram_share) * base.unigram
    return NgramTable(
        unigram.astype(np.float32), _above(users.bigrams, base.bigrams), _above(users.trigrams, base.trigrams)
    )


def _above(upper: Level, lower: Level) -> Level:
    lower_shares = lower.shares.astype(np.float64)
    at = np.minimum(upper.contexts.searchsorted(lower.contexts), max(len(upper.contexts) - 1, 0))
    if len(upper.contexts):
        left = np.where(upper.contexts[at] == lower.contexts, upper.left[at], 1.0)
        lower_shares *= np.repeat(np.maximum(left, 0.0), np.diff(lower.starts.astype(np.int64)))
    contexts = np.concatenate([_context_of_each(upper), _context_of_each(lower)])
    pieces = np.concatenate([upper.pieces, lower.pieces])
    keys, where = np.unique((contexts.astype(np.int64) << 16) | pieces, return_inverse=True)
    shares = np.bincount(where, np.concatenate([upper.shares, lower_shares]), minlength=len(keys))
    return Level.of(keys >> 16, keys & 0xFFFF, shares)


def _context_of_each(level: Level) -> npt.NDArray[np.uint32]:
    return np.repeat(level.contexts, np.diff(level.starts.astype(np.int64)))
