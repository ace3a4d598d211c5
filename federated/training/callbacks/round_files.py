"""Writes the figures of each round to `rounds.csv` and to TensorBoard, through TFF's release managers."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import tensorflow_federated as tff

from federated.run import Run
from federated.training.callbacks.callback import Callback, RoundReport, RunState


class RoundFiles(Callback):
    """Writes one row for each round. A round that is repeated after a resume replaces its row."""

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
