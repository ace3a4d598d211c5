"""Learned weights of the shared model, the owner's n-grams and the neural cache, by context: a gating network.

    P(w) = Σ_k g_k(x)·P_k(w),        g(x) = softmax(A·(1, x))

This is a mixture of experts (Jacobs et al. 1991, "Adaptive Mixtures of Local Experts"). The P_k are the shared model,
the owner's words, their followers of one and of two units (both discounted), and the neural cache. x describes the
context: how often the owner was in it, and how sure each P_k is. A component that knows nothing in a context gets no
weight. Federated users train A on what they typed (`federated.personalization.mixing_weights`), so a population decides
how far to trust a phone's own counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

COMPONENTS = ("shared", "words", "after_one", "after_two", "neural_cache")
FEATURES = (
    "words",
    "after_one_words",
    "after_one_followers",
    "after_two_words",
    "after_two_followers",
    "after_one_largest",
    "after_two_largest",
    "cache_cosine",
    "cache_largest",
    "message_start",
    "shared_largest",
    "shared_entropy",
)
_SCALES = np.array([5.0, 3.0, 3.0, 2.0, 2.0])

Floats = npt.NDArray[np.floating[Any]]


def features(counts: Sequence[int], largest: Sequence[float], message_start: bool, shared: Floats) -> Floats:
    """Returns x. `[F]`

    Args:
        counts: The owner's words; then of the contexts of one and of two units, how many words followed, and how many
            different ones.
        largest: The largest share of a follower of one and of two units, the largest cosine in the neural cache, and
            the largest share there; 0 where there is none.
        message_start: Whether the word is the first unit of its message.
        shared: `[V]` the shared model's log-probabilities.
    """
    chances = np.exp(shared)
    entropy = -float(chances @ np.where(chances > 0, shared, 0.0))
    return np.concatenate(
        [np.log1p(counts) / _SCALES, largest, [float(message_start), float(chances.max()), entropy / 5.0]]
    )


def weights(coefficients: Floats, x: Floats, present: npt.NDArray[np.bool_]) -> Floats:
    """Returns g(x), which sums to 1. `[K]`

    Args:
        coefficients: A, the constant first. `[K, 1 + F]`
        x: `[F]`
        present: Which components know something. The shared model always does. `[K]`
    """
    scores = np.where(present, coefficients[:, 0] + coefficients[:, 1:] @ x, -np.inf)
    raised = np.exp(scores - scores.max())
    result: Floats = raised / raised.sum()
    return result
