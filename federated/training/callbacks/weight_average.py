"""A running average of the shared weights (Polyak and Juditsky 1992), which is what is validated and kept."""

from __future__ import annotations

import numpy as np

from federated.training.callbacks.callback import Callback, RunState


class WeightAverage(Callback):
    """Replaces `run.weights` by `keep` of its last value and the rest of the server's weights."""

    def __init__(self, keep: float) -> None:
        self._keep = keep

    def after_round(self, run: RunState) -> None:
        number = run.progress.round
        keep = min(self._keep, number / (number + 10))  # less at first: the untrained weights are soon forgotten
        run.weights = tuple(
            (keep * old + (1 - keep) * np.asarray(new)).astype(np.float32)
            for old, new in zip(run.weights, run.server.global_model_weights.trainable, strict=True)
        )
