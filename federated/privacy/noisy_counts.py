"""Private counts of words and n-grams: a norm for each user, noise, and then a threshold.

A client scales the counts of what it typed down to an L2 norm of at most B. The sum over the clients gets Gaussian
noise with the standard deviation B/μ, on those keys that any client sent, and only noisy counts of at least a threshold
are published. Keys that no client sent get no noise and are left out. This costs

    δ_t ≤ m · P(B + N(0, (B/μ)²) ≥ threshold)

with m keys of a client, because a key that no other client sent is published with this probability (Korolova et al.
2009, "Releasing search queries and clicks privately"; with Gaussian noise, Wilkins et al. 2024, arXiv:2202.01100). A
threshold without noise would be no differential privacy.

Clients round down to multiples of 1/`UNITS`, so that the sums are integers, as secure aggregation needs them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from federated.privacy.ledger import COUNTS, Ledger
from federated.privacy.plan import CountPlan, Seed

UNITS = 1 << 10
"""Units of a count of 1."""

Ints = npt.NDArray[np.int64]


def scaled(counts: tf.Tensor, most: float) -> tf.Tensor:
    """Returns a client's counts `[n]` in units, with a norm of at most `most`; int64, rounded down."""
    exact = tf.cast(counts, tf.float32)
    length = tf.norm(exact)
    return tf.cast(tf.floor(exact * (UNITS * most / tf.maximum(length, most))), tf.int64)


class NoisyCounts:
    """Adds the noise to sums that are read in blocks, and drops those below the threshold.

    Attributes:
        norm: B, largest norm of the counts of a client.
    """

    def __init__(self, plan: CountPlan, seed: Seed, stream: int) -> None:
        """Args:
        plan: The noise and the threshold.
        seed: The secret of the noise. The same sums in the same order get the same noise.
        stream: Distinguishes the counts of a training.
        """
        self._plan, self.norm = plan, plan.norm
        self._random = np.random.Generator(np.random.Philox(key=[seed[0], seed[1] ^ (stream << 32)]))

    def published(self, keys: Ints, units: Ints) -> tuple[Ints, Ints]:
        """Returns the keys that are published and their noisy counts, `[m]` each.

        Args:
            keys: `[n]` distinct keys, of which none is in two calls.
            units: `[n]` the sums over all clients, in units.
        """
        counts = units / UNITS + self._random.normal(0.0, self._plan.deviation, len(units))
        enough = counts >= self._plan.threshold
        return keys[enough], np.rint(counts[enough]).astype(np.int64)


def noisy_counts(ledger: Ledger | None, counts: str) -> NoisyCounts | None:
    """Enters counts into the ledger of a private training, and returns their noise; None without a ledger.

    Args:
        ledger: The ledger.
        counts: One of `COUNTS` that its plan has.

    Raises:
        LedgerError: see `Ledger.spend_counts`.
    """
    if ledger is None:
        return None
    plan: CountPlan = getattr(ledger.plan, counts)
    ledger.spend_counts(counts)
    return NoisyCounts(plan, ledger.seed, stream=1 + COUNTS.index(counts))
