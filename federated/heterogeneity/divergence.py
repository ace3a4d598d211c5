"""Jensen-Shannon divergence, and what is left of it once chance is taken out.

Two short texts of one person differ, for no word of the one need occur in the other. So what two texts show is
held against the noise floor: what texts of one writer show at the same length. Above it,

    difference = (observed − floor) / (1 − floor)

is 0 where both come from one source and 1 where they share no word, at whatever length (a chance correction, as in
Hubert and Arabie 1985). With the floor the mean of both sources' own, observed − floor is half an energy distance
(Székely and Rizzo 2013), which is never negative in expectation: JSD is the square of a metric of Hilbert space
(Fuglede and Topsøe 2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from federated.heterogeneity.writers import Numbers


@dataclass(frozen=True)
class Divergence:
    """In bits, 0 to 1. observed: between the two sources. floor: within a source, at the same length."""

    observed: float
    floor: float

    @property
    def excess(self) -> float:
        """What chance does not explain, in bits; a little below 0 where chance explains all."""
        return self.observed - self.floor

    @property
    def difference(self) -> float:
        """The excess as a share of what there is room for; 0 where the floor leaves none."""
        return self.excess / (1 - self.floor) if self.floor < 1 else 0.0


def jensen_shannon(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Returns the Jensen-Shannon divergence of two distributions, in bits (Lin 1991).

    JSD = ½·KL(p ‖ m) + ½·KL(q ‖ m) with m = (p + q)/2, KL to base 2.

    Args:
        first, second: `[words]` counts or shares of the same words; neither all zero.
    """
    counts = (np.asarray(first, np.float64), np.asarray(second, np.float64))
    p, q = (part / part.sum() for part in counts)
    m = (p + q) / 2
    nats = (rel_entr(p, m).sum() + rel_entr(q, m).sum()) / 2
    return float(np.clip(nats / np.log(2), 0.0, 1.0))


def between_texts(first: Numbers, second: Numbers) -> float:
    """Returns the divergence of two texts, given as word numbers, in bits. `[words]`, `[words]`"""
    _, which = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = int(which.max()) + 1
    return jensen_shannon(
        np.bincount(which[: len(first)], minlength=size), np.bincount(which[len(first) :], minlength=size)
    )
