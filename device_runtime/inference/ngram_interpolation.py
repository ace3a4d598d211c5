"""The shared model's other half: its n-grams, mixed into what the neural model says of the next piece.

    P = (1 − w)·P_lstm + w·P_ngram          w = the manifest's `ngram_weight`

They are what the population types, so they weigh alike in the shared model and in the personal one; an
adaptation and its gate are the neural model's alone. 0.02 ms at a vocabulary of 8,192.
"""

from __future__ import annotations

import numpy as np

from device_runtime.adapter.adapter import Array
from device_runtime.inference.context_cache import Ids, Mix
from keyboard_model.ngram.table import NgramTable

_TINY = np.finfo(np.float32).tiny


def identity(ids: Ids, log_probs: Array) -> Array:
    """Mixes nothing in."""
    return log_probs


def ngram_interpolator(table: NgramTable, weight: float) -> Mix:
    """Returns what mixes the table's n-grams after a context, BOS standing before it, too, into log-probabilities."""
    if weight == 0.0:
        return identity

    def mix(ids: Ids, log_probs: Array) -> Array:
        older, newer = (ids[0], *ids)[-2:]
        mixed: Array = np.exp(log_probs)
        mixed *= np.float32(1.0 - weight)
        mixed += np.float32(weight) * table.distribution(older, newer)
        # Both may be nothing: the neural model's least probable pieces, and what was never typed in a small corpus.
        np.log(np.maximum(mixed, _TINY), out=mixed)
        return mixed

    return mix
