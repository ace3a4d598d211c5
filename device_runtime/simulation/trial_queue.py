"""A queue that runs trials a few users ahead and yields them in the users' order, and a pool of workers for them."""

from __future__ import annotations

import functools
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from device_runtime.bundle.loader import Bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.database import PhoneDatabaseError
from device_runtime.phone.folder import FolderError
from device_runtime.simulation.held_out import SimulatedUser, TrialPlan
from device_runtime.simulation.report import FailedUser
from device_runtime.simulation.trial import Trial, run_trial
from device_runtime.simulation.trial_store import TrialKeys, TrialStore
from keyboard_model.storage.child_processes import ChildProcessPool

# The machine's fault, never that of one user's messages: these end the simulation.
MACHINE_ERRORS = (OSError, MemoryError)
_STORAGE_ERRORS = (FolderError, PhoneDatabaseError)  # what a phone says of them
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


class TrialWorkerPool(ChildProcessPool):
    """`workers` processes that run trials of one bundle."""

    def __init__(self, bundle: Bundle, workers: int) -> None:
        super().__init__(workers, _start, bundle)

    def trial(self, user: SimulatedUser, folder: Path, keep: bool, plan: TrialPlan) -> Future[Trial | FailedUser]:
        """Starts one trial in `folder`; the folder stays afterwards if `keep`."""
        return self.submit(_run, user, folder, keep, plan)


_QUEUED_PER_WORKER = 4  # users held in memory; enough that one slow user leaves no worker idle

Begin = Callable[[SimulatedUser, str], "Future[Trial | FailedUser]"]
"""Starts the trial of a user, given the key of it."""


class SimulationError(ValueError):
    """The simulation cannot be run as asked; the message says what to do."""


class TrialQueue:
    """Runs trials a few users ahead and gives their results in the users' order."""

    def __init__(self, begin: Begin, keys: TrialKeys, store: TrialStore | None, workers: int) -> None:
        """Args: store: keeps finished trials, and has those of an earlier run; workers: trials that go on at a time."""
        self._start, self._keys, self._store = begin, keys, store
        self._ahead = workers * _QUEUED_PER_WORKER

    def run(
        self, users: Iterable[SimulatedUser], progress: Callable[[str], None] | None = None
    ) -> tuple[list[Trial], list[FailedUser]]:
        """Runs them all.

        Args:
            users: Read a few ahead; each user_id once.
            progress: Called with each user_id as its trial is there.

        Raises:
            SimulationError: a user comes twice, a worker died or cannot write.
            TrialStoreError: a trial cannot be kept.
        """
        trials: list[Trial] = []
        failed: list[FailedUser] = []
        for result in self._results(_each_once(users)):
            if isinstance(result, Trial):
                trials.append(result)
            else:
                failed.append(result)
            if progress:
                progress(result.user_id)
        return trials, failed

    def _results(self, users: Iterable[SimulatedUser]) -> Iterator[Trial | FailedUser]:
        pending: deque[Callable[[], Trial | FailedUser]] = deque()
        for user in users:
            pending.append(self._begin(user))
            if len(pending) >= self._ahead:
                yield pending.popleft()()
        while pending:
            yield pending.popleft()()

    def _begin(self, user: SimulatedUser) -> Callable[[], Trial | FailedUser]:
        try:
            key = self._keys.key(user)
        except Exception as error:  # messages that are no messages
            failed = failure(user, error)
            return lambda: failed
        if self._store and key in self._store.trials:
            done = self._store.trials[key]
            return lambda: done
        future = self._start(user, key)
        return lambda: self._finish(user, key, future)

    def _finish(self, user: SimulatedUser, key: str, future: Future[Trial | FailedUser]) -> Trial | FailedUser:
        result = _result(user, future)
        if self._store and isinstance(result, Trial):
            self._store.add(key, result)
        return result


def _each_once(users: Iterable[SimulatedUser]) -> Iterator[SimulatedUser]:
    seen: set[str] = set()
    for user in users:
        if user.user_id in seen:
            raise SimulationError(f"user {user.user_id!r} comes twice: put all of a user's messages in one")
        seen.add(user.user_id)
        yield user


def _result(user: SimulatedUser, future: Future[Trial | FailedUser]) -> Trial | FailedUser:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise SimulationError(
            f"a worker process died at or near user {user.user_id!r} (out of memory?): run it again with fewer "
            "workers; with an output folder, finished users are not done again"
        ) from error
    except MACHINE_ERRORS as error:
        raise SimulationError(f"cannot go on at user {user.user_id!r}: {type(error).__name__}: {error}") from error
