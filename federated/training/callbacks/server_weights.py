"""The server's weights over the rounds: the rate that moves them decays, and their average is validated and saved."""

from __future__ import annotations

import numpy as np

from federated.training.callbacks.callback import Callback, RunState

EVERY = 10
"""Rounds between changes of the rate. Each change sends the whole state through the TFF runtime."""
LEAST = 0.02
"""The lowest rate, as a share of the configured one."""


def decay(done: int, steps: int, decay_from: float) -> float:
    """Returns the share of a rate after `done` of the `steps`: 1 until the share `decay_from` of them, then linear.

    >>> [round(decay(done, 100, decay_from=0.5), 2) for done in (0, 50, 75, 100)]
    [1.0, 1.0, 0.5, 0.02]
    """
    return min(1.0, max((steps - done) / max((1 - decay_from) * steps, 1.0), LEAST))


class ServerSchedule(Callback):
    """Lowers the rate from `learning_rate` linearly to a fiftieth of it.

    The decay starts after the share `decay_from` of the rounds and ends at round `rounds`.
    """

    def __init__(self, learning_rate: float, rounds: int, decay_from: float) -> None:
        self._learning_rate, self._rounds, self._decay_from = learning_rate, rounds, decay_from

    def before_round(self, run: RunState) -> None:
        number = run.progress.round + 1
        if number % EVERY:
            return
        left = decay(number, self._rounds, self._decay_from)
        hyperparameters = run.process.get_hparams(run.server)
        hyperparameters["finalizer"]["learning_rate"] = np.float32(self._learning_rate * left)
        run.server = run.process.set_hparams(run.server, hyperparameters)


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
