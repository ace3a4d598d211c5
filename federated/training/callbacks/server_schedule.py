"""The server's learning rate over the rounds: constant, then falling linearly."""

from __future__ import annotations

import numpy as np

from federated.training.callbacks.callback import Callback, RunState

EVERY = 10
"""Rounds between changes: each sends the whole state through the TFF runtime."""
LEAST = 0.02
"""Share of the configured rate that the last rounds still have."""


class ServerSchedule(Callback):
    """From `decay_from` of the rounds on, the rate falls to a fiftieth of `learning_rate`."""

    def __init__(self, learning_rate: float, rounds: int, decay_from: float) -> None:
        self._learning_rate, self._rounds, self._decay_from = learning_rate, rounds, decay_from

    def before_round(self, run: RunState) -> None:
        number = run.progress.round + 1
        if number % EVERY:
            return
        left = (self._rounds - number) / max((1 - self._decay_from) * self._rounds, 1.0)
        hyperparameters = run.process.get_hparams(run.server)
        hyperparameters["finalizer"]["learning_rate"] = np.float32(self._learning_rate * min(1.0, max(left, LEAST)))
        run.server = run.process.set_hparams(run.server, hyperparameters)
