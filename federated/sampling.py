"""Which clients take part in a round: a function of (seed, round) alone, so a resumed run draws the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def sample_cohort(clients: Sequence[str], size: int, *, seed: int, round_number: int) -> list[str]:
    """Draws a round's cohort uniformly, without replacement (McMahan et al. 2017, Algorithm 1).

    Args:
        clients: all that may take part; never copied, so a million of them cost nothing.
        size: clients a round; all of them when there are fewer.

    Returns:
        `min(size, len(clients))` clients in the order drawn.
    """
    rng = np.random.default_rng([seed, round_number])
    chosen = rng.choice(len(clients), size=min(size, len(clients)), replace=False, shuffle=True)
    return [clients[i] for i in chosen]
