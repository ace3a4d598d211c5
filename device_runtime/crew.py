"""Processes that run trials, each with one engine."""

from __future__ import annotations

import functools
import shutil
from concurrent.futures import Future
from pathlib import Path

from device_runtime.bundle import Bundle
from device_runtime.engine import Engine
from device_runtime.held_out import SimulatedUser, TrialPlan
from device_runtime.leash import Leashed
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


def _start(bundle: Bundle) -> None:
    global _bundle
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


class Crew(Leashed):
    """`workers` processes that run trials of one bundle."""

    def __init__(self, bundle: Bundle, workers: int) -> None:
        super().__init__(workers, _start, bundle)

    def trial(self, user: SimulatedUser, folder: Path, keep: bool, plan: TrialPlan) -> Future[Trial | FailedUser]:
        """Starts one trial in `folder`; the folder stays afterwards if `keep`."""
        return self.submit(_run, user, folder, keep, plan)
