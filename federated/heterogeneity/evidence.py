"""Separates signal from noise in the differences between users: how many words of a user are enough evidence.

A model learns from a user the mean of a vector over their words (or pieces): word frequencies, or the gradient of the
loss. The users' true means have variance τ² around the population mean, and a mean of n words has variance σ²/n around
the user's true mean. The estimate with the least squared error gives the user's own mean the weight n / (n + σ²/τ²)
and the population mean the rest (James-Stein estimators; Efron and Morris 1973; Bühlmann's credibility in insurance).
So σ²/τ² is the number of words at which both have equal weight. Both variances are estimated from disjoint halves,
whose noise is independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from federated.heterogeneity.divergence import Halves
from federated.heterogeneity.user_texts import Numbers


@dataclass(frozen=True)
class Evidence:
    """Moments of the vectors A_k and B_k of the two halves of each user k.

    Attributes:
        within: Mean of ⟨A_k, B_k⟩ over users.
        across: Mean of ⟨A_k, B_l⟩ over pairs of different users.
        noise: σ², the variance of one word (or piece) within a user.
        evidence: σ²/τ² with τ² = within − across, in words (or pieces); None if the users show no difference.
    """

    within: float
    across: float
    noise: float
    evidence: float | None

    def trusted(self, size: float) -> float:
        """Returns the weight, 0 to 1, of a user's own mean over `size` words (or pieces)."""
        return 0.0 if self.evidence is None else size / (size + self.evidence) if size else 0.0


def signal(within: float, across: float, noise: float) -> Evidence:
    """Returns the evidence that follows from these moments."""
    variance = within - across
    return Evidence(within, across, noise, noise / variance if variance > 0 else None)


def word_evidence(halves: tuple[Halves, ...], vocabulary: int) -> Evidence:
    """Returns the evidence in users' word frequencies, as the mean over the splits; needs at least two users.

    The gradient of a bias on the words is the shared model's frequencies minus the user's: it is what a bias learns.
    """
    splits, _, length = halves[0].texts.shape
    moments = [_moments([half.texts[i] for half in halves], vocabulary) for i in range(splits)]
    within, across, apart = (float(part) for part in np.mean(moments, axis=0))
    return signal(within, across, apart * length / 2)


def _moments(texts: list[Numbers], vocabulary: int) -> tuple[float, float, float]:
    """Returns the means of ⟨A_k, B_k⟩ over users, ⟨A_k, B_l⟩ over pairs and ‖A_k − B_k‖² over users.

    Args:
        texts: `[2, length]` word numbers of each user.
    """
    users = len(texts)
    sums = np.zeros((2, vocabulary))
    product = apart = 0.0
    for text in texts:
        shares = np.stack([np.bincount(half, minlength=vocabulary) / len(half) for half in text])
        sums += shares
        product += float(shares[0] @ shares[1])
        apart += float(np.sum((shares[0] - shares[1]) ** 2))
    across = (float(sums[0] @ sums[1]) - product) / (users * (users - 1))
    return product / users, across, apart / users
