"""How the command line prints results (stdout) and shows progress (stderr, bars on a terminal only).

The lines of a training are always printed, so that a log shows its progress.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from federated.job import TrainingConfig
    from federated.pretraining.central_training import TrainingProgress
    from federated.training.callbacks.callback import RoundReport

SYNTHETIC_MESSAGES = "a program made these messages up."
SYNTHETIC_MODEL = "the model was trained on messages that a program made up."
_WIDTH_WITHOUT_TERMINAL = 120


def silence_tensorflow() -> None:
    """Limits TensorFlow's log to errors. Call it before TensorFlow is imported.

    Its other lines are meant for its developers. TF_CPP_MIN_LOG_LEVEL, if set, stays as it is.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def output() -> Console:
    """Returns the console for results. It prints texts unchanged and does not interpret markup in them."""
    fits_itself = sys.stdout.isatty() or "COLUMNS" in os.environ
    width = None if fits_itself else _WIDTH_WITHOUT_TERMINAL
    return Console(width=width, markup=False, emoji=False, highlight=False)


def one_line(message: str) -> str:
    """Returns `message` on one line and without control characters, because it can quote files of other people."""
    text = message.encode("utf-8", "backslashreplace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def notice(text: str) -> Text:
    """Returns a warning that the result comes from synthetic messages."""
    return Text(f"SYNTHETIC: {text}", style="bold yellow")


def labelled(synthetic: bool, text: str, *parts: RenderableType) -> Group:
    """Returns `parts` one below the other. If `synthetic`, the warning `text` comes first."""
    return Group(*([notice(text)] if synthetic else []), *parts)


def headed(title: str, table: Table) -> RenderableType:
    """Returns a table below its title. The title wraps at the width of the screen, not of the table."""
    return Group(Text(title, style="italic"), table)


def pairs(title: str, fields: Mapping[str, object]) -> RenderableType:
    """Returns a table of names and values."""
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name, one_line(_cell(value)))
    return headed(title, table)


def _cell(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@contextlib.contextmanager
def bar(*columns: ProgressColumn) -> Iterator[Progress]:
    """Shows progress in these columns during the block. Shows nothing if stderr is not a terminal."""
    console = Console(stderr=True, markup=False, emoji=False)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Shows a spinner for work of unknown length. Yields a function that sets the current step."""
    with bar(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda step: progress.update(task, description=step)


@contextlib.contextmanager
def counting(what: str, unit: str) -> Iterator[Callable[[int], None]]:
    """Shows a count whose end is unknown. Yields a function that sets the count."""
    count = TextColumn(f"{{task.completed:,.0f}} {unit}")
    with bar(SpinnerColumn(), TextColumn("{task.description}"), count, TimeElapsedColumn()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done: progress.update(task, completed=done)


@contextlib.contextmanager
def advancing(what: str, total: int) -> Iterator[Callable[[object], None]]:
    """Shows a bar up to `total`. Yields a function that adds one; it ignores its argument."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with bar(*columns) as progress:
        task = progress.add_task(what, total=total)
        yield lambda _: progress.advance(task)


@contextlib.contextmanager
def counting_up(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Shows a bar whose total is known only later. Yields a function that sets the count and the total."""
    count = TextColumn(f"{{task.completed:,.0f}} {unit}")
    with bar(TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextlib.contextmanager
def status_line(what: str) -> Iterator[Callable[[str], None]]:
    """Shows the current step, and prints one line per step to a log. Yields a function that sets the step."""
    with bar(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as progress:
        task = progress.add_task(what, total=None)

        def show(what: str) -> None:
            progress.update(task, description=what)
            progress.console.print(what, soft_wrap=True)

        yield show


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


_SECONDS_BETWEEN_LINES = 60.0


class PretrainingShown:
    """Receives the stages and the progress of `federated.pretraining.pretrain.pretrain`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("loading TensorFlow", total=None, figures="")
        self._printed = time.monotonic()

    def print(self, line: str) -> None:
        """Prints a permanent line above the bar."""
        self._progress.console.print(line, soft_wrap=True)

    def stage(self, name: str) -> None:
        """Shows a stage."""
        self._progress.update(self._task, description=name, total=None, figures="")
        self.print(name)

    def steps(self, done: TrainingProgress) -> None:
        """Shows how far the training is, and prints a line of it once a minute."""
        figures = f"loss {done.loss:.3f}  {done.pieces_per_second:,.0f} pieces/s"
        self._progress.update(
            self._task,
            description=f"training, epoch {done.epoch}",
            completed=done.step,
            total=done.steps,
            figures=figures,
        )
        if time.monotonic() - self._printed >= _SECONDS_BETWEEN_LINES or done.step == done.steps:
            self._printed = time.monotonic()
            self.print(f"step {done.step:,} of {done.steps:,}: {figures}")


@contextlib.contextmanager
def showing_pretraining() -> Iterator[PretrainingShown]:
    """Shows the progress of a pre-training during the block."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with bar(*columns, TextColumn("{task.fields[figures]}"), TimeRemainingColumn()) as progress:
        yield PretrainingShown(progress)


class _Lines(logging.Handler):
    """Prints each message of a log as one line."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._print_line = print_line

    def emit(self, record: logging.LogRecord) -> None:
        self._print_line(one_line(record.getMessage()))


@contextlib.contextmanager
def showing_rounds(training: TrainingConfig) -> Iterator[RoundsShown]:
    """Shows the progress of a training and its warnings, one line each, during the block."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with bar(*columns, TextColumn("{task.fields[figures]}"), TimeElapsedColumn()) as progress:
        shown = RoundsShown(progress, training)
        log, handler = logging.getLogger("federated"), _Lines(shown.print)
        log.addHandler(handler)
        log.propagate = False  # TFF gives the root logger a handler, which would print the warning again
        try:
            yield shown
        finally:
            log.removeHandler(handler)
            log.propagate = True
