"""Runs the trials of a simulation a few users ahead and in the users' order, and the worker processes for them."""

from __future__ import annotations

import functools
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

from device_runtime.bundle.loader import Bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.database import PhoneDatabaseError
from device_runtime.phone.folder import FolderError
from device_runtime.simulation.held_out import SimulatedUser, TrialPlan
from device_runtime.simulation.report import FailedUser
from device_runtime.simulation.trial import Trial, run_trial
from device_runtime.simulation.trial_store import TrialKeys, TrialStore
from keyboard_model.storage.child_processes import ChildProcessPool

# These errors come from the machine, never from a user's messages. They end the simulation.
MACHINE_ERRORS = (OSError, MemoryError)
_STORAGE_ERRORS = (FolderError, PhoneDatabaseError)  # how a phone reports such errors
_REASON_LENGTH = 200

_bundle: Bundle  # set at the start of each worker process


class SimulationError(ValueError):
    """The simulation cannot run with these arguments. The message says what to do."""


def printable(text: str) -> str:
    """Returns `text` with `?` for each lone surrogate, because UTF-8 files cannot contain surrogates."""
    return text.encode("utf-8", "replace").decode()


def failed_user(user: SimulatedUser, error: Exception) -> FailedUser:
    """Returns the record of a user whose data caused this error."""
    reason = printable(f"{type(error).__name__}: {error}"[:_REASON_LENGTH])
    return FailedUser(user_id=printable(str(user.user_id)), reason=reason)


def _start(bundle: Bundle) -> None:
    global _bundle
    _bundle = bundle


@functools.cache
def _engine() -> Engine:
    return Engine(_bundle, num_threads=1)


def _run(user: SimulatedUser, folder: Path, keep: bool, plan: TrialPlan) -> Trial | FailedUser:
    engine = _engine()  # outside of `try`: if the model does not run, that is not the user's fault
    shutil.rmtree(folder, ignore_errors=True)  # an earlier run can have left an unfinished phone
    try:
        return run_trial(engine, user, folder, plan)
    except MACHINE_ERRORS:
        raise
    except Exception as error:
        if isinstance(error.__cause__, _STORAGE_ERRORS):
            raise OSError(str(error)) from error
        return failed_user(user, error)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


class TrialWorkerPool(ChildProcessPool):
    """`workers` processes that run trials of one bundle."""

    def __init__(self, bundle: Bundle, workers: int) -> None:
        super().__init__(workers, _start, bundle)

    def trial(self, user: SimulatedUser, folder: Path, keep: bool, plan: TrialPlan) -> Future[Trial | FailedUser]:
        """Starts one trial in `folder`. The folder is kept if `keep`."""
        return self.submit(_run, user, folder, keep, plan)


_Result = TypeVar("_Result")


def run_ahead(tasks: Iterable[Callable[[], _Result]], ahead: int) -> Iterator[_Result]:
    """Yields the results of tasks in order, while up to `ahead` tasks run.

    Args:
        tasks: Taking the next item starts its task. Calling the item waits for the result.
        ahead: How many tasks to start before the first result is awaited.
    """
    pending: deque[Callable[[], _Result]] = deque()
    for task in tasks:
        pending.append(task)
        if len(pending) >= ahead:
            yield pending.popleft()()
    while pending:
        yield pending.popleft()()


QUEUED_PER_WORKER = 4
"""Users in memory for each worker. With this many, one slow user does not leave the other workers idle."""

StartTrial = Callable[[SimulatedUser, str], "Future[Trial | FailedUser]"]
"""Starts the trial of a user, given the trial's key."""


class TrialQueue:
    """Runs trials a few users ahead and returns their results in the users' order."""

    def __init__(self, start: StartTrial, keys: TrialKeys, store: TrialStore | None, workers: int) -> None:
        """Creates a queue.

        Args:
            start: Starts one trial.
            keys: Makes the keys of trials.
            store: Stores finished trials and has those of an earlier run. None: nothing is stored.
            workers: Number of trials that run at the same time.
        """
        self._start, self._keys, self._store = start, keys, store
        self._ahead = workers * QUEUED_PER_WORKER

    def run(
        self, users: Iterable[SimulatedUser], progress: Callable[[str], None] | None = None
    ) -> tuple[list[Trial], list[FailedUser]]:
        """Runs the trials of all users.

        Args:
            users: Read a few ahead. Each user_id occurs once.
            progress: Called with each user_id when its trial is done.

        Raises:
            SimulationError: a user occurs twice, or a worker died or cannot write.
            TrialStoreError: a trial cannot be stored.
        """
        trials: list[Trial] = []
        failed: list[FailedUser] = []
        for result in run_ahead(map(self._begin, _unique(users)), self._ahead):
            if isinstance(result, Trial):
                trials.append(result)
            else:
                failed.append(result)
            if progress:
                progress(result.user_id)
        return trials, failed

    def _begin(self, user: SimulatedUser) -> Callable[[], Trial | FailedUser]:
        try:
            key = self._keys.key(user)
        except Exception as error:  # the messages have other types than messages
            failed = failed_user(user, error)
            return lambda: failed
        if self._store and key in self._store.trials:
            stored = self._store.trials[key]
            return lambda: stored
        future = self._start(user, key)
        return lambda: self._finish(user, key, future)

    def _finish(self, user: SimulatedUser, key: str, future: Future[Trial | FailedUser]) -> Trial | FailedUser:
        result = _result(user, future)
        if self._store and isinstance(result, Trial):
            self._store.add(key, result)
        return result


def _unique(users: Iterable[SimulatedUser]) -> Iterator[SimulatedUser]:
    seen: set[str] = set()
    for user in users:
        if user.user_id in seen:
            raise SimulationError(f"user {user.user_id!r} occurs twice: put all messages of a user into one")
        seen.add(user.user_id)
        yield user


def _result(user: SimulatedUser, future: Future[Trial | FailedUser]) -> Trial | FailedUser:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise SimulationError(
            f"a worker process died at or near user {user.user_id!r} (out of memory?): run it again with fewer "
            "workers; with an output folder, finished users are not simulated again"
        ) from error
    except MACHINE_ERRORS as error:
        raise SimulationError(f"cannot continue at user {user.user_id!r}: {type(error).__name__}: {error}") from error
