"""What a setting is worth on validation users: the mean gain in recall@3, where a loss counts threefold.

A plain mean picks settings that pay for large gains of some with losses of others; the first question
asked of a keyboard is whom it hurts.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from keyboard_model.metrics import WordCounts

LOSS_WEIGHT = 3.0


def utility(shared: Iterable[WordCounts], personal: Iterable[WordCounts]) -> float:
    """Mean over users with words of the gain in recall@3, in points of a hundred; 0 for nobody."""
    pairs = zip(shared, personal, strict=True)
    gains = np.array([100 * (own.recall_at_3 - all_.recall_at_3) for all_, own in pairs if all_.words])
    return float(np.where(gains < 0, LOSS_WEIGHT * gains, gains).mean()) if gains.size else 0.0
