"""What happens around the rounds of a training run: a callback is told when they start, pass and end.

In the manner of pfl-research (Granqvist et al. 2024, arXiv:2404.06430): the program runs the rounds, and everything
else (validation, early stopping, averaging, schedules, files) is a callback that a user can add to.
"""

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


class Callback:
    """Does nothing; override what is needed. The callbacks of a run are called in order.

    What a callback must remember between rounds is its `state`: it is saved with every checkpoint, so that a run that
    is killed and resumed ends as one that was not. Nothing else may influence the training.
    """

    def on_stage(self, stage: str) -> None:
        """A stage outside the rounds begins; `stage` is a description for people."""

    def on_start(self, run: RunState) -> None:
        """The rounds begin, or continue after `run.progress.round` rounds; the state is restored already."""

    def stop(self, run: RunState) -> str | None:
        """Asked before every round. Returns the reason to stop now, as in `TrainingResult.stopped_by`, or None."""
        return None

    def before_round(self, run: RunState) -> None:
        """Round `run.progress.round + 1` is about to begin."""

    def after_round(self, run: RunState) -> None:
        """Round `run.progress.round` is done; `run.report` describes it."""

    def on_end(self, run: RunState) -> None:
        """No further round follows."""

    def state(self) -> Any:
        """Returns what to save: numbers and arrays in nested lists, tuples or dicts, always of the same structure."""
        return ()

    def restore(self, state: Any) -> None:
        """Takes back what `state` returned; numbers come as NumPy scalars."""
