"""How much of what sets a user apart is signal and how much noise: after how many words their text is evidence.

What is learnt of a user is a mean over their words (or pieces) of a vector: how often each word comes, or the
loss's gradient. Users' true means vary by τ² around everybody's, and a mean of n words by σ²/n around its own.
The best guess of a user's mean, by squared error, takes the share n / (n + σ²/τ²) from the user and the rest from
everybody (the James-Stein family; Efron and Morris 1973; as Bühlmann's credibility in insurance): σ²/τ² words are
the evidence at which half of a user's own is believed. Both are read off disjoint halves, whose noise is independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from federated.heterogeneity.divergence import Halves
from federated.heterogeneity.user_texts import Numbers


@dataclass(frozen=True)
class Evidence:
    """Of vectors in halves A, B of each user.

    Attributes:
        within: Mean of ⟨A_k, B_k⟩, the halves of one user.
        across: Mean of ⟨A_k, B_l⟩, the halves of two.
        noise: σ², the variance of one word (or piece) within a user.
        evidence: σ²/τ² with τ² = within − across, in words (or pieces); None where users show no difference.
    """

    within: float
    across: float
    noise: float
    evidence: float | None

    def trusted(self, size: float) -> float:
        """Returns the share of a user's own that so many words (or pieces) warrant, 0 to 1."""
        return 0.0 if self.evidence is None else size / (size + self.evidence) if size else 0.0


def signal(within: float, across: float, noise: float) -> Evidence:
    """Returns the signal of these moments."""
    variance = within - across
    return Evidence(within, across, noise, noise / variance if variance > 0 else None)


def word_evidence(halves: tuple[Halves, ...], vocabulary: int) -> Evidence:
    """Returns the signal in how often each user uses each word, at least two users, mean over the splits.

    The gradient of a bias on the words is the shared model's frequencies minus these, so this is what a bias learns.
    """
    splits, _, length = halves[0].texts.shape
    moments = [_moments([half.texts[i] for half in halves], vocabulary) for i in range(splits)]
    within, across, apart = (float(part) for part in np.mean(moments, axis=0))
    return signal(within, across, apart * length / 2)


def _moments(texts: list[Numbers], vocabulary: int) -> tuple[float, float, float]:
    """Means of ⟨A_k, B_k⟩ over users, ⟨A_k, B_l⟩ over pairs, ‖A_k − B_k‖² over users; `texts` of `[2, length]`."""
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
