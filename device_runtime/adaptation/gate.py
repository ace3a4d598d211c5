"""The gate: a new adapter replaces the old one only if it is no worse on messages that neither was trained on.

Without a gate, on-device training makes the keyboard worse than the shared model for some owners, unnoticed
(Wang et al. 2019 measure it for a tenth of users and more).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from device_runtime.manifest import GateRecipe


@dataclass(frozen=True)
class Verdict:
    """The gate's decision.

    Attributes:
        kept: Whether the new adapter replaces the old.
        reason: Why, in one sentence.
        tail_words: Held-out words it was judged on.
        before: Mean loss of the old adapter there, in nats a word; 0 where there are no words.
        after: The same of the new adapter; of the old where no new one was made.
    """

    kept: bool
    reason: str
    tail_words: int
    before: float
    after: float


Losses = npt.NDArray[np.floating[Any]]


def judge(before: Losses, after: Losses, recipe: GateRecipe) -> Verdict:
    """Compares two adapters' losses `[W]` in nats on the same held-out words.

    The new one is kept when its mean gain is at least `margin` standard errors of the paired difference.
    """
    gain = np.asarray(before, np.float64) - np.asarray(after, np.float64)
    mean, words = float(gain.mean()), len(gain)
    error = float(gain.std(ddof=1)) / math.sqrt(words) if words > 1 else 0.0
    needed = recipe.margin * error
    if not math.isfinite(mean):
        kept, reason = False, "the training diverged"
    elif mean >= needed:
        kept, reason = True, f"the new adapter gains {mean:.3f} nats a word on the held-out messages"
    else:
        kept, reason = False, f"a gain of {mean:.3f} nats a word on the held-out messages, {needed:.3f} needed"
    return Verdict(kept, reason, words, float(np.mean(before)), float(np.mean(after)))


def not_judged(reason: str, before: Losses) -> Verdict:
    """The old adapter stays, without a comparison. `before`: its losses on the held-out words, if any."""
    loss = float(np.mean(before)) if len(before) else 0.0
    return Verdict(False, reason, len(before), loss, loss)
