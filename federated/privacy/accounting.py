"""From noise to (ε, δ) and back, by dp-accounting.

Everything here is a Gaussian mechanism with the parameter μ = sensitivity / noise. Mechanisms one after the other are
one with μ² = Σ μ_i² (Dong et al. 2022, arXiv:1905.02383, corollary 3.3), and ρ = μ²/2 is their zCDP (Bun and Steinke
2016, arXiv:1605.02065).
"""

from __future__ import annotations

from dp_accounting.pld.privacy_loss_mechanism import GaussianPrivacyLoss
from scipy.optimize import brentq

_LARGEST_EPSILON = 1e6


def delta_of(mu: float, epsilon: float) -> float:
    """Returns the δ of a Gaussian mechanism at ε, without slack (Balle and Wang 2018, arXiv:1805.06530, theorem 8)."""
    return float(GaussianPrivacyLoss(1.0 / mu).get_delta_for_epsilon([epsilon])[0]) if mu > 0 else 0.0


def epsilon_of(mu: float, delta: float) -> float:
    """Returns the least ε of a Gaussian mechanism at δ.

    >>> round(epsilon_of(mu=1.0, delta=1e-5), 3), epsilon_of(mu=0.0, delta=1e-5)
    (4.377, 0.0)
    """
    if delta_of(mu, 0.0) <= delta:
        return 0.0
    return float(brentq(lambda epsilon: delta_of(mu, epsilon) - delta, 0.0, _LARGEST_EPSILON, xtol=1e-9))


def mu_of(epsilon: float, delta: float) -> float:
    """Returns the largest μ of a Gaussian mechanism that is (ε, δ)-differentially private.

    >>> round(mu_of(epsilon=4.377, delta=1e-5), 3)
    1.0
    """
    return float(brentq(lambda mu: delta_of(mu, epsilon) - delta, 1e-9, 1e3, xtol=1e-12))
