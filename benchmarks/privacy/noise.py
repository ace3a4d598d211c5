"""`python -m benchmarks.privacy.noise`: the noise that each mechanism leaves in the weights, at the same privacy.

Writes the table of docs/privacy.md. Nothing is trained: the figures follow from the matrices alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import typer
from scipy.signal import lfilter

from benchmarks.measure.results import write_between
from federated.privacy.mechanisms import BufferedNoise, TreeNoise, error_in_weights, toeplitz_sensitivity

SETTINGS = ((200, 1, 200), (400, 10, 40), (1000, 10, 100), (2000, 5, 400))
"""Rounds, turns of a client, and their separation."""
MOMENTUM = 0.9
PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"

Coefficients = npt.NDArray[np.float64]


def blt(buffers: int) -> Callable[[int, int, int], float]:
    """Returns the noise of buffered noise with so many buffers."""

    def noise(rounds: int, turns: int, separation: int) -> float:
        best = BufferedNoise.optimal(rounds, turns, separation, MOMENTUM, buffers)
        return best.error(rounds, MOMENTUM) * best.sensitivity(rounds, turns, separation)

    return noise


def independent(rounds: int, turns: int, separation: int) -> float:
    """Returns the noise without correlation."""
    alone = BufferedNoise((), ())
    return alone.error(rounds, MOMENTUM) * alone.sensitivity(rounds, turns, separation)


def tree(rounds: int, turns: int, separation: int) -> float:
    """Returns the noise of one binary tree with the best estimates of all later and earlier nodes: a lower bound of
    what DP-FTRL can reach, which must not look ahead."""
    nodes = [
        (np.arange(rounds) >= first) & (np.arange(rounds) < first + 2**height)
        for height in range(rounds.bit_length())
        for first in range(0, rounds - 2**height + 1, 2**height)
    ]
    encoder = np.array(nodes, np.float64)
    server = server_matrix(rounds)
    decoder = server @ np.linalg.solve(encoder.T @ encoder, encoder.T)
    return float(np.sqrt((decoder**2).sum(1).mean())) * TreeNoise(rounds).sensitivity(rounds, turns, separation)


def banded(rounds: int, turns: int, separation: int) -> float:
    """Returns the noise of the banded square root of the server's matrix, with as many bands as the separation
    (Kalinin and Lampert 2024). It needs a buffer of the model's size for each."""
    root = _power(1.0, rounds)
    root = np.convolve(root, _power(MOMENTUM, rounds))[:rounds]
    root[separation:] = 0.0
    impulse = np.eye(1, rounds)[0]
    error = error_in_weights(lfilter([1.0], root, impulse), MOMENTUM)
    return error * toeplitz_sensitivity(root, turns, separation)


def server_matrix(rounds: int) -> npt.NDArray[np.float64]:
    """Returns `[rounds, rounds]`: how far the update of each round has moved the weights after each round."""
    moved = np.cumsum(MOMENTUM ** np.arange(rounds))
    ages = np.subtract.outer(np.arange(rounds), np.arange(rounds))
    return np.where(ages >= 0, moved[np.maximum(ages, 0)], 0.0)


def _power(root: float, rounds: int) -> Coefficients:
    """Returns the series of (1 - `root`·x)^(-1/2)."""
    steps = np.arange(1, rounds)
    return np.concatenate([[1.0], np.cumprod(root * (steps - 0.5) / steps)])


WAYS: dict[str, Callable[[int, int, int], float]] = {
    "independent noise": independent,
    "one tree, best estimates": tree,
    "banded square root, a buffer for each round of the separation": banded,
    "BLT, 1 buffer": blt(1),
    "BLT, 2 buffers (the default)": blt(2),
    "BLT, 3 buffers": blt(3),
    "BLT, 4 buffers": blt(4),
}


def table() -> str:
    """Returns the Markdown table; each column is relative to the default."""
    columns = [
        f"{rounds:,} rounds, at most {turns} of a user, {separation:,} apart" for rounds, turns, separation in SETTINGS
    ]
    lines = [f"| | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    default = [blt(2)(*setting) for setting in SETTINGS]
    for says, noise in WAYS.items():
        cells = [f"{noise(*setting) / base:.3g}" for setting, base in zip(SETTINGS, default, strict=True)]
        lines.append(f"| {says} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Computes the table and writes it to the page."""
    text = table()
    typer.echo(text)
    if not write_between(PAGE, "<!-- noise -->", "<!-- /noise -->", text):
        typer.echo(f"{PAGE} has no marks for the table: it is only printed", err=True)


if __name__ == "__main__":
    typer.run(main)
