"""Where a training run is: what its callbacks read, and what the next round begins with."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import tensorflow_federated as tff

from keyboard_model.model.cifg_lstm import Parameters


@dataclass(frozen=True)
class RoundReport:
    """The figures of one round. Losses in nats: `loss` per piece, `validation_loss` per word; `targets` in pieces.

    `recall_at_3` and `validation_loss` are over the validation clients' words, None in a round without validation.
    """

    round: int
    rounds: int
    loss: float
    targets: int
    clients: int
    dropped: int
    seconds: float
    recall_at_3: float | None = None
    validation_loss: float | None = None


class Progress(NamedTuple):
    """How far a run is. `best_round` is 0 before the first validation; `stale`: validations since then without a gain;
    `broken_clients`: clients left out so far, one counted each time."""

    round: int = 0
    best_recall: float = -1.0
    best_round: int = 0
    stale: int = 0
    seconds: float = 0.0
    broken_clients: int = 0


@dataclass
class RunState:
    """The state of a run; a callback may replace any of it.

    Attributes:
        process: The TFF learning process; it does not change.
        server: The learning process's state.
        weights: The shared model that is validated and kept, in the order of `Parameters`: the server's weights, or
            what a callback made of them.
        progress: How far the run is.
        report: The figures of the last round; None before the first one of this session.
    """

    process: tff.learning.templates.LearningProcess
    server: Any
    weights: tuple[np.ndarray, ...]
    progress: Progress = field(default_factory=Progress)
    report: RoundReport | None = None
    _resumed: tuple[float, float] = field(default_factory=lambda: (time.monotonic(), 0.0))

    @property
    def parameters(self) -> Parameters:
        """`weights` as the shared model's parameters."""
        return Parameters(*self.weights)

    def resume(self, progress: Progress) -> None:
        """Continues from a checkpoint; its seconds count on."""
        self.progress, self._resumed = progress, (time.monotonic(), progress.seconds)

    def elapsed(self) -> float:
        """Returns the seconds of training so far, those before the last resume included."""
        started, before = self._resumed
        return before + time.monotonic() - started
