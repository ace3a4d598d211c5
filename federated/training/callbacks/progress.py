"""Reports the progress of a run to functions of the caller."""

from __future__ import annotations

from collections.abc import Callable

from federated.training.callbacks.callback import Callback, RoundReport, RunState


class ReportProgress(Callback):
    """Calls `stage` with the description of each stage, and `round` with the figures of each round."""

    def __init__(
        self,
        *,
        stage: Callable[[str], None] = lambda description: None,
        round: Callable[[RoundReport], None] = lambda report: None,
    ) -> None:
        self._stage, self._round = stage, round

    def on_stage(self, stage: str) -> None:
        self._stage(stage)

    def after_round(self, run: RunState) -> None:
        if run.report is not None:
            self._round(run.report)
