"""Stops training before its last round: when validation no longer improves, or when the time is used up."""

from __future__ import annotations

from federated.training.callbacks.callback import Callback, RunState


class EarlyStopping(Callback):
    """Stops after `patience` validations in a row without a gain in recall (Prechelt 1998)."""

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def stop(self, run: RunState) -> str | None:
        return "patience" if run.progress.stale >= self._patience else None


class TimeLimit(Callback):
    """Stops before the first round that would start after `minutes` of training; never if `minutes` is None."""

    def __init__(self, minutes: float | None) -> None:
        self._minutes = minutes

    def stop(self, run: RunState) -> str | None:
        used_up = self._minutes is not None and run.progress.seconds >= 60 * self._minutes
        return "minutes" if used_up else None
