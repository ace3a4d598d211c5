"""Which clients take part in a round: a function of (seed, round) alone, so a resumed run draws the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def sample_cohort(
    clients: Sequence[str],
    size: int,
    *,
    seed: int,
    round_number: int,
    weights: npt.NDArray[np.float64] | None = None,
) -> list[str]:
    """Draws a round's cohort without replacement (McMahan et al. 2017, Algorithm 1).

    Args:
        clients: all that may take part.
        size: clients a round; all of them when there are fewer.
        weights: `[clients]`, positive: how often each is drawn, one draw after the other; equally when None. Where
            a client trains on at most so much a round, drawing by size keeps those who typed little from being
            learnt by heart while those who typed much are hardly read.

    Returns:
        `min(size, len(clients))` clients in the order drawn.
    """
    rng = np.random.default_rng([seed, round_number])
    share = None if weights is None else weights / weights.sum()
    chosen = rng.choice(len(clients), size=min(size, len(clients)), replace=False, shuffle=True, p=share)
    return [clients[i] for i in chosen]
