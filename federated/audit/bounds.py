"""A lower bound of ε from the guesses of an attack on one training run.

Steinke, Nasr and Jagielski 2023, "Privacy auditing with one (1) training run" (arXiv:2305.08846): a fair coin decides
for each of m invented users whether it takes part. An attack guesses r of the coins. If the training is
(ε, δ)-differentially private, v or more of these guesses are right with a probability of at most

    P(X ≥ v) + 2·m·δ·max_{i ≤ v} P(v − i ≤ X < v) / i,    X ~ Binomial(r, e^ε / (1 + e^ε))        (theorem 5.2)

so that a training of which the attack guesses more is not.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom

_LARGEST_EPSILON = 100.0


def p_value(canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Returns the largest probability of so many right guesses under (ε, δ)-differential privacy.

    Args:
        canaries: Invented users whose coins were thrown, m.
        guesses: Coins that were guessed, r.
        right: Right guesses, v.
        epsilon: ε.
        delta: δ.

    >>> p_value(canaries=100, guesses=10, right=10, epsilon=0.0, delta=0.0) == 0.5**10
    True
    """
    if right == 0:
        return 1.0
    coins = binom(guesses, 1.0 / (1.0 + np.exp(-epsilon)))
    below = np.cumsum(coins.pmf(np.arange(right - 1, -1, -1)))  # P(v − i ≤ X < v), i = 1 … v
    beyond = 2 * canaries * delta * float((below / np.arange(1, right + 1)).max())
    return float(min(coins.sf(right - 1) + beyond, 1.0))


def epsilon_above(canaries: int, guesses: int, right: int, delta: float, confidence: float = 0.95) -> float:
    """Returns the ε that the training exceeds with this confidence; 0 if the guesses prove nothing.

    >>> round(epsilon_above(canaries=100, guesses=100, right=100, delta=0.0), 2), epsilon_above(100, 100, 50, 0.0)
    (3.49, 0.0)
    """

    def surplus(epsilon: float) -> float:
        return p_value(canaries, guesses, right, epsilon, delta) - (1.0 - confidence)

    if surplus(0.0) >= 0:
        return 0.0
    return float(brentq(surplus, 0.0, _LARGEST_EPSILON)) if surplus(_LARGEST_EPSILON) > 0 else _LARGEST_EPSILON
