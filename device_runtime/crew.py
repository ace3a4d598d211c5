"""Processes that run trials, each with one engine, and that end with whoever started them."""

from __future__ import annotations

import functools
import multiprocessing
import os
import shutil
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

from device_runtime.bundle import Bundle
from device_runtime.engine import Engine
from device_runtime.held_out import SimulatedUser, TrialPlan
from device_runtime.phone_folder import FolderError
from device_runtime.report import FailedUser
from device_runtime.store import StoreError
from device_runtime.trial import Trial, run_trial

# The machine's fault, never that of one user's messages: these end the simulation.
MACHINE_ERRORS = (OSError, MemoryError)
_STORAGE_ERRORS = (FolderError, StoreError)  # what a phone says of them
_REASON_LENGTH = 200

_bundle: Bundle  # of this process, set as it starts


def printable(text: str) -> str:
    """Returns `text` with what no UTF-8 file can hold (lone surrogates) made `?`."""
    return text.encode("utf-8", "replace").decode()


def failure(user: SimulatedUser, error: Exception) -> FailedUser:
    """Returns the record of a user whose data broke something."""
    reason = printable(f"{type(error).__name__}: {error}"[:_REASON_LENGTH])
    return FailedUser(user_id=printable(str(user.user_id)), reason=reason)


def _end_with_parent(leash: Connection) -> None:
    try:
        leash.recv()
    except EOFError:  # the parent let go, or is no more: SIGKILL leaves no orphan either
        os._exit(1)


def _start(bundle: Bundle, leash: Connection) -> None:
    global _bundle
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, args=(leash,), daemon=True).start()
    _bundle = bundle


@functools.cache
def _engine() -> Engine:
    return Engine(_bundle, num_threads=1)


def _run(user: SimulatedUser, folder: Path, keep: bool, plan: TrialPlan) -> Trial | FailedUser:
    engine = _engine()  # a model that does not run is no user's fault
    shutil.rmtree(folder, ignore_errors=True)  # a phone that an earlier run left half-way
    try:
        return run_trial(engine, user, folder, plan)
    except MACHINE_ERRORS:
        raise
    except Exception as error:
        if isinstance(error.__cause__, _STORAGE_ERRORS):
            raise OSError(str(error)) from error
        return failure(user, error)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


class Crew:
    """`workers` processes; a context manager that leaves none of them behind on any way out."""

    def __init__(self, bundle: Bundle, workers: int) -> None:
        context = multiprocessing.get_context("spawn")  # an interpreter's threads do not survive a fork
        # Workers hold the reading end only, so they read its end when this process closes it or dies.
        self._their_end, self._leash = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_start, initargs=(bundle, self._their_end)
        )

    def submit(self, user: SimulatedUser, folder: Path, keep: bool, plan: TrialPlan) -> Future[Trial | FailedUser]:
        """Starts one trial in `folder`; the folder stays afterwards if `keep`."""
        return self._pool.submit(_run, user, folder, keep, plan)

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._leash.close()
        self._pool.shutdown(cancel_futures=True)
        self._leash.close()
        self._their_end.close()
