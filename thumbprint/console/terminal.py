"""How the command line shows results (stdout) and progress (stderr, on a terminal only)."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
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

_WIDTH_WITHOUT_TERMINAL = 120


def output() -> Console:
    """Returns the console of results; texts go through as they are, never as markup."""
    free = sys.stdout.isatty() or "COLUMNS" in os.environ
    width = None if free else _WIDTH_WITHOUT_TERMINAL
    return Console(width=width, markup=False, emoji=False, highlight=False)


def one_line(message: str) -> str:
    """Returns `message` on one line and without control characters: it may quote files that other people wrote."""
    text = message.encode("utf-8", "backslashreplace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@contextlib.contextmanager
def bar(*columns: ProgressColumn) -> Iterator[Progress]:
    """Shows progress in these columns while the block runs; nothing where stderr is no terminal."""
    console = Console(stderr=True, markup=False, emoji=False)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Shows that something of unknown length goes on."""
    with bar(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as progress:
        progress.add_task(what, total=None)
        yield


@contextlib.contextmanager
def counting(what: str, unit: str) -> Iterator[Callable[[int], None]]:
    """Shows a count whose end is unknown. Gives what to call with the count so far."""
    count = TextColumn(f"{{task.completed:,.0f}} {unit}")
    with bar(SpinnerColumn(), TextColumn("{task.description}"), count, TimeElapsedColumn()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done: progress.update(task, completed=done)


@contextlib.contextmanager
def advancing(what: str, total: int) -> Iterator[Callable[[object], None]]:
    """Shows a bar up to `total`. Gives what to call, with anything, as one more is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with bar(*columns) as progress:
        task = progress.add_task(what, total=total)
        yield lambda _: progress.advance(task)


@contextlib.contextmanager
def counting_up(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Shows a bar whose end is known only later. Gives what to call with how many are done, and of how many."""
    count = TextColumn(f"{{task.completed:,.0f}} {unit}")
    with bar(TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextlib.contextmanager
def status_line(what: str) -> Iterator[Callable[[str], None]]:
    """Shows what goes on, which changes as it goes; on a log, a line for each. Gives what to call with the next."""
    with bar(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as progress:
        task = progress.add_task(what, total=None)

        def tell(what: str) -> None:
            progress.update(task, description=what)
            progress.console.print(what, soft_wrap=True)

        yield tell
