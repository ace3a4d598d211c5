"""A pool of child processes that end with their parent, however it ends, SIGKILL included."""

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


def _end_with_parent(parent_pipe: Connection) -> None:
    try:
        parent_pipe.recv()
    except EOFError:  # the parent closed the pool or died; SIGKILL leaves no orphan either
        os._exit(1)


def _start(parent_pipe: Connection, begin: Callable[..., None], *given: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, args=(parent_pipe,), daemon=True).start()
    begin(*given)


class ChildProcessPool:
    """`workers` processes, each of which first calls `begin(*given)`; leaving the `with` block ends them all."""

    def __init__(self, workers: int, begin: Callable[..., None], *given: Any) -> None:
        context = multiprocessing.get_context("spawn")  # an interpreter's threads do not survive a fork
        # Workers hold only the reading end, so they read end-of-file when this process closes its end or dies.
        self._their_end, self._parent_pipe = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_start, initargs=(self._their_end, begin, *given)
        )

    def submit(self, call: Callable[_Taken, _Given], *args: _Taken.args, **kwargs: _Taken.kwargs) -> Future[_Given]:
        """Runs the call in one of the workers."""
        return self._pool.submit(call, *args, **kwargs)

    def kill(self) -> None:
        """Kills the workers, even if they hang. Calls in progress end with BrokenProcessPool."""
        for process in list((self._pool._processes or {}).values()):
            process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._parent_pipe.close()
        self._pool.shutdown(cancel_futures=True)
        self._parent_pipe.close()
        self._their_end.close()
