"""Shows the progress of a training: stage, round, loss, speed, time left, and a line for every validation.

Everything goes to stderr. The bar needs a terminal; the lines are always printed, so that a log shows the progress.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from thumbprint.console.terminal import bar

if TYPE_CHECKING:
    from federated.job import TrainingConfig
    from federated.training.callbacks.callback import RoundReport

_STAGES = {"vocabulary": "building the vocabulary", "graph": "building the training graph"}
_RECENT = 20  # rounds that the speed is averaged over: enough to smooth it, and few enough to show changes


class RoundsShown:
    """Receives the stages and rounds of `federated.training.train_run.train`."""

    def __init__(self, progress: Progress, training: TrainingConfig) -> None:
        self._progress, self._training = progress, training
        self._task = progress.add_task("loading TensorFlow", total=None, figures="")
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._last = time.monotonic()

    def print(self, line: str) -> None:
        """Prints a permanent line above the bar."""
        self._progress.console.print(line, soft_wrap=True)

    def stage(self, name: str) -> None:
        """Shows a stage before the first round."""
        self._last = time.monotonic()
        self._progress.update(self._task, description=_STAGES.get(name, name))

    def round(self, report: RoundReport) -> None:
        """Shows a finished round."""
        now = time.monotonic()
        self._recent.append((now - self._last, report.targets))
        self._last = now
        self._progress.update(
            self._task,
            description="training",
            completed=report.round,
            total=report.rounds,
            figures=f"loss {report.loss:.3f}  {self._speed():,.0f} tokens/s  at most {self._left(report)} left",
        )
        if report.recall_at_3 is not None:
            self.print(
                f"round {report.round:,} of {report.rounds:,}: loss {report.loss:.3f}, recall@3 on validation users "
                f"{100 * report.recall_at_3:.1f} %, {self._speed():,.0f} tokens/s, at most {self._left(report)} left"
            )

    def _speed(self) -> float:
        seconds = sum(seconds for seconds, _ in self._recent)
        return sum(targets for _, targets in self._recent) / max(seconds, 1e-9)

    def _left(self, report: RoundReport) -> str:
        seconds = sum(seconds for seconds, _ in self._recent) / len(self._recent) * (report.rounds - report.round)
        if self._training.max_minutes is not None:
            seconds = min(seconds, max(60 * self._training.max_minutes - report.seconds, 0.0))
        hours, rest = divmod(round(seconds), 3600)
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"


@contextlib.contextmanager
def showing_rounds(training: TrainingConfig) -> Iterator[RoundsShown]:
    """Shows the progress of a training during the block."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with bar(*columns, TextColumn("{task.fields[figures]}"), TimeElapsedColumn()) as progress:
        yield RoundsShown(progress, training)
