"""The noise of private training, as matrix mechanisms: how much one client can change what they release.

Round t sums the clipped updates of its clients, u_t, each of norm S at most. A matrix mechanism adds the noise C⁻¹z,
with one row for each round and independent z ~ N(0, (σS)²). C is lower triangular, so the noise of a round depends only
on earlier rounds. To release u + C⁻¹z in every round is as private as to release C·u + z once, even if each update
depends on what was released before (Denisov et al. 2022, arXiv:2202.08312, theorem 2.1).

A client that takes part in the rounds P changes C·u by S·‖Σ_{t∈P} C[:,t]‖ at most, because no entry of C is negative
(Choquette-Choo et al. 2023, arXiv:2306.08153, section 2). The largest value over all P with at most k turns that lie at
least b rounds apart is the sensitivity. Divided by the noise multiplier σ, it is the parameter μ of a Gaussian
mechanism.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.signal import lfilter

Coefficients = npt.NDArray[np.float64]


class Mechanism(Protocol):
    """A kind of noise."""

    def sensitivity(self, rounds: int, turns: int, separation: int) -> float:
        """Returns the sensitivity in clipping norms, or an upper bound of it.

        Args:
            rounds: Number of rounds.
            turns: Most rounds in which a client takes part.
            separation: Least distance between two of them: a client of round r may take part again in round
                r + `separation`.
        """


def most_turns(rounds: int, turns: int, separation: int) -> int:
    """Returns how many turns of a client fit into the rounds at this separation.

    >>> most_turns(rounds=10, turns=4, separation=5), most_turns(rounds=11, turns=4, separation=5)
    (2, 3)
    """
    return min(turns, -(-rounds // separation))


def toeplitz_sensitivity(coefficients: Coefficients, turns: int, separation: int) -> float:
    """Returns the sensitivity of a Toeplitz matrix with these coefficients, `[rounds]`, positive and decreasing: that
    of the turns 0, b, 2b, …"""
    rounds = len(coefficients)
    column = np.zeros(rounds)
    for first in range(0, most_turns(rounds, turns, separation) * separation, separation):
        column[first:] += coefficients[: rounds - first]
    return float(np.linalg.norm(column))


def error_in_weights(noise: Coefficients, momentum: float) -> float:
    """Returns the root mean square, over the rounds, of the noise in the weights of a server with SGD at the rate 1.

    Args:
        noise: `[rounds]` the coefficients of C⁻¹, a Toeplitz matrix.
        momentum: The momentum of the server's SGD.
    """
    in_weights = lfilter([1.0], np.convolve([1.0, -1.0], [1.0, -momentum]), noise)
    return float(np.sqrt(np.cumsum(in_weights**2).mean()))


@dataclass(frozen=True)
class IndependentNoise:
    """Noise of each round for itself, C = I: DP-FedAvg without sampling (McMahan et al. 2018, arXiv:1710.06963)."""

    def sensitivity(self, rounds: int, turns: int, separation: int) -> float:
        """See `Mechanism`."""
        return float(most_turns(rounds, turns, separation)) ** 0.5


@dataclass(frozen=True)
class TreeNoise:
    """Noise at every node of binary trees over the rounds: DP-FTRL (Kairouz et al. 2021, arXiv:2103.00039).

    Attributes:
        restart_every: Rounds of a tree; after them, a new one begins.
    """

    restart_every: int

    def sensitivity(self, rounds: int, turns: int, separation: int) -> float:
        """Returns an upper bound, in time proportional to the height of the tree.

        The turns of a client in a node of 2^h rounds are at most c = min(k, ⌈2^h / b⌉), and k in all nodes of a level.
        The sum of their squares is largest if as many nodes as possible have c. The exact value (appendix D.2 of the
        paper, a dynamic program) is reached if the same turns are the worst ones for all levels.
        """
        turns = most_turns(rounds, turns, separation)
        squares = 0
        for height in range(min(self.restart_every, rounds).bit_length()):
            in_node = most_turns(2**height, turns, separation)
            nodes, rest = divmod(turns, max(in_node, 1))
            squares += nodes * in_node**2 + rest**2
        return float(squares) ** 0.5


@dataclass(frozen=True)
class BufferedNoise:
    """A buffered linear Toeplitz matrix (BLT; McMahan et al. 2024, arXiv:2404.16706 and arXiv:2408.08868).

    C is a Toeplitz matrix with the coefficients c_0 = 1 and c_i = Σ_j ω_j·θ_j^(i−1). The noise y of a round follows
    from z and as many buffers of the model's size as there are θ:

        y_t = z_t − Σ_j ω_j·B_j,    B_j ← θ_j·B_j + y_t

    Attributes:
        decays: θ, between 0 and 1.
        weights: ω, positive, with a sum of at most 1. The coefficients then decrease.
    """

    decays: tuple[float, ...]
    weights: tuple[float, ...]

    def coefficients(self, rounds: int) -> Coefficients:
        """Returns `[rounds]` c."""
        powers = np.array(self.decays)[:, None] ** np.arange(rounds - 1)
        return np.concatenate([[1.0], np.array(self.weights) @ powers])[:rounds]

    def sensitivity(self, rounds: int, turns: int, separation: int) -> float:
        """Returns the exact value: C's coefficients are positive and decrease, so the turns 0, b, 2b, … are the worst
        ones (Kalinin and Lampert 2024, arXiv:2405.13763, theorem 2)."""
        return toeplitz_sensitivity(self.coefficients(rounds), turns, separation)

    def error(self, rounds: int, momentum: float) -> float:
        """Returns the root mean square, over the rounds, of the noise in the weights, for σ·S = 1 and a server with
        SGD at the rate 1."""
        # C is a rational function of the shift x, 1 + Σ_j ω_j·x / (1 − θ_j·x) = P(x) / Q(x), and momentum SGD is
        # 1 / ((1 − x)(1 − βx)).
        denominator = np.array([1.0])
        for decay in self.decays:
            denominator = np.convolve(denominator, [1.0, -decay])
        numerator = denominator.copy()
        for j, weight in enumerate(self.weights):
            others = np.array([weight])
            for decay in self.decays[:j] + self.decays[j + 1 :]:
                others = np.convolve(others, [1.0, -decay])
            numerator[1:] += others
        impulse = np.zeros(rounds)
        impulse[0] = 1.0
        return error_in_weights(lfilter(denominator, numerator, impulse), momentum)

    @classmethod
    def optimal(cls, rounds: int, turns: int, separation: int, momentum: float, buffers: int = 2) -> BufferedNoise:
        """Returns the noise with the least error at a given privacy: error times sensitivity, minimized numerically.

        More than two buffers gain less than 2 % (see `docs/privacy.md`).

        Args:
            rounds: Number of rounds.
            turns: Most turns of a client.
            separation: Least separation of its turns.
            momentum: The momentum of the server's SGD.
            buffers: Number of buffers.
        """

        def noise(x: npt.NDArray[np.float64]) -> BufferedNoise:
            with np.errstate(over="ignore"):
                decays, shares = 1 / (1 + np.exp(-x[:buffers])), 1 / (1 + np.exp(-x[buffers:]))
            left, weights = 1.0, []
            for share in shares:  # the sum stays below 1
                weights.append(left * share)
                left -= left * share
            return cls(tuple(decays.tolist()), tuple(weights))

        def loss(x: npt.NDArray[np.float64]) -> float:
            candidate = noise(x)
            product = candidate.error(rounds, momentum) * candidate.sensitivity(rounds, turns, separation)
            return float(np.log(product)) if np.isfinite(product) else 1e9

        start = np.concatenate([-np.log(np.geomspace(1.0, 1.0 / rounds, buffers)), np.full(buffers, -2.0)])
        options = {"maxiter": 400 * buffers, "adaptive": True}
        return noise(minimize(loss, start, method="Nelder-Mead", options=options).x)
