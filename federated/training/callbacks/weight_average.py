"""Averages the shared weights over the rounds (Polyak and Juditsky 1992); the average is validated and saved."""

from __future__ import annotations

import numpy as np

from federated.training.callbacks.callback import Callback, RunState


class WeightAverage(Callback):
    """Sets `run.weights` to `keep` · `run.weights` + (1 - `keep`) · the server's weights after each round."""

    def __init__(self, keep: float) -> None:
        self._keep = keep

    def after_round(self, run: RunState) -> None:
        number = run.progress.round
        keep = min(self._keep, number / (number + 10))  # less in the first rounds, so that untrained weights fade
        run.weights = tuple(
            (keep * old + (1 - keep) * np.asarray(new)).astype(np.float32)
            for old, new in zip(run.weights, run.server.global_model_weights.trainable, strict=True)
        )
