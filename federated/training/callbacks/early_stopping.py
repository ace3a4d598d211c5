"""When training ends before its last round: no gain in validation, or no time left."""

from __future__ import annotations

from federated.training.callbacks.callback import Callback, RunState


class EarlyStopping(Callback):
    """Stops after `patience` validations in a row without a gain (Prechelt 1998)."""

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def stop(self, run: RunState) -> str | None:
        return "patience" if run.progress.stale >= self._patience else None


class TimeLimit(Callback):
    """Stops after `minutes` of training; never when None."""

    def __init__(self, minutes: float | None) -> None:
        self._minutes = minutes

    def stop(self, run: RunState) -> str | None:
        used_up = self._minutes is not None and run.progress.seconds >= 60 * self._minutes
        return "minutes" if used_up else None
