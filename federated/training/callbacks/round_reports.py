"""Reports the figures of each round: to files, through TFF's release managers, and to functions of the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict

import tensorflow_federated as tff

from federated.run import Run
from federated.training.callbacks.callback import Callback, RoundReport, RunState


class RoundFiles(Callback):
    """Writes one row for each round to `rounds.csv` and to TensorBoard.

    A round that is repeated after a resume replaces its row.
    """

    def __init__(self, folder: Run) -> None:
        self._manager = tff.program.GroupingReleaseManager(
            [
                tff.program.CSVFileReleaseManager(folder.rounds, key_fieldname="round"),
                tff.program.TensorBoardReleaseManager(folder.tensorboard),
            ]
        )

    def after_round(self, run: RunState) -> None:
        if run.report is not None:
            asyncio.run(self._manager.release(_figures(run.report), run.report.round))


def _figures(report: RoundReport) -> dict[str, float]:
    """Returns the same fields for every round; values that were not measured are NaN."""
    values = {name: float("nan") if value is None else value for name, value in asdict(report).items()}
    return {name: value for name, value in values.items() if name not in ("round", "rounds")}


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
