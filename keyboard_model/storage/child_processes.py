"""Processes on a leash: they end with whoever started them, on any way out, SIGKILL included."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given")


def _end_with_parent(leash: Connection) -> None:
    try:
        leash.recv()
    except EOFError:  # the parent let go, or is no more: SIGKILL leaves no orphan either
        os._exit(1)


def _start(leash: Connection, begin: Callable[..., None], *given: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, args=(leash,), daemon=True).start()
    begin(*given)


class ChildProcessPool:
    """`workers` processes, each of which first calls `begin(*given)`; a context manager that leaves none behind."""

    def __init__(self, workers: int, begin: Callable[..., None], *given: Any) -> None:
        context = multiprocessing.get_context("spawn")  # an interpreter's threads do not survive a fork
        # Workers hold the reading end only, so they read its end when this process closes it or dies.
        self._their_end, self._leash = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_start, initargs=(self._their_end, begin, *given)
        )

    def submit(self, call: Callable[_Taken, _Given], *args: _Taken.args, **kwargs: _Taken.kwargs) -> Future[_Given]:
        """Has a worker make this call."""
        return self._pool.submit(call, *args, **kwargs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._leash.close()
        self._pool.shutdown(cancel_futures=True)
        self._leash.close()
        self._their_end.close()
