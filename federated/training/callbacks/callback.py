"""What happens around the rounds of a training run: a callback is told when they start, pass and end.

In the manner of pfl-research (Granqvist et al. 2024, arXiv:2404.06430): the program runs the rounds, and everything
else (validation, early stopping, averaging, schedules, files) is a callback that a user can add to.
"""

from __future__ import annotations

from typing import Any

from federated.training.run_state import RunState


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
