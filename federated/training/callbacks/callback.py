"""The interface of training callbacks, and the state of a run that they read and change.

The design follows pfl-research (Granqvist et al. 2024, arXiv:2404.06430): the program runs the rounds. Everything else
(validation, early stopping, averaging, schedules, files) is a callback, and users can add their own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keyboard_model.model.cifg_lstm import Parameters

if TYPE_CHECKING:
    import tensorflow_federated as tff


@dataclass(frozen=True)
class RoundReport:
    """The figures of one round.

    Attributes:
        round: Number of the round, from 1.
        rounds: Rounds that the job allows.
        loss: Mean training loss, nats per piece.
        targets: Pieces that the clients predicted.
        clients: Clients that trained.
        dropped: Clients left out because their data or their update was unusable.
        seconds: Seconds of the whole run so far.
        recall_at_3: Recall on the words of the validation clients; None in a round without validation.
        validation_loss: Loss on these words, nats per word; None in a round without validation.
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
    """The progress of a run.

    Attributes:
        round: Rounds done.
        best_recall: Best recall@3 on the validation clients; -1 before the first validation.
        best_round: The round of that recall; 0 before the first validation.
        stale: Validations since then without a gain.
        seconds: Seconds of training.
        broken_clients: Clients left out so far; a client counts once for each round that leaves it out.
    """

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
        weights: The shared model that is validated and saved, in the order of `Parameters`: the server's weights, or
            a callback's replacement.
        progress: The progress so far.
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
        """Continues from the progress in a checkpoint, including its seconds."""
        self.progress, self._resumed = progress, (time.monotonic(), progress.seconds)

    def elapsed(self) -> float:
        """Returns the seconds of training so far, including those before the last resume."""
        started, before = self._resumed
        return before + time.monotonic() - started


class Callback:
    """The base class: every method does nothing. Override the ones that you need.

    A run calls its callbacks in order. Everything that a callback must remember between rounds belongs into `state`,
    because each checkpoint saves it. A run that is killed and resumed then ends like an uninterrupted one.
    """

    def on_stage(self, stage: str) -> None:
        """A stage outside the rounds begins; `stage` describes it for users."""

    def on_start(self, run: RunState) -> None:
        """The rounds begin, or continue after round `run.progress.round`; the states are already restored."""

    def stop(self, run: RunState) -> str | None:
        """Called before every round. Returns the reason to stop now (`TrainingResult.stopped_by`), or None."""
        return None

    def before_round(self, run: RunState) -> None:
        """Round `run.progress.round + 1` begins."""

    def after_round(self, run: RunState) -> None:
        """Round `run.progress.round` has ended; `run.report` holds its figures."""

    def on_end(self, run: RunState) -> None:
        """The last round has ended."""

    def state(self) -> Any:
        """Returns the state to save: numbers and arrays in nested lists, tuples or dicts of a fixed structure."""
        return ()

    def restore(self, state: Any) -> None:
        """Restores a state that `state` returned; numbers arrive as NumPy scalars."""
