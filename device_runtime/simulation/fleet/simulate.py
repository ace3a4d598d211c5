"""Simulates a fleet: many phones through the same days, in several processes.

Phones do not interact, so each is simulated through all its days at once, in any order. At any moment a process has
one phone open. Every other phone either does not exist yet or has been reduced to its counts. Therefore a process can
simulate 100,000 phones (benchmarks/fleet.py).
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import numpy.typing as npt

from device_runtime.bundle.loader import Bundle
from device_runtime.inference.engine import Engine
from device_runtime.simulation.fleet.aggregate import FleetAggregate
from device_runtime.simulation.fleet.plan import FleetError, FleetPlan, RandomStream, generator
from device_runtime.simulation.fleet.report import FleetReport
from device_runtime.simulation.fleet.simulate_device import Owner, simulate_device
from device_runtime.simulation.fleet.timeline import DeviceTimeline, TimelineKeys, TimelineStore
from device_runtime.simulation.held_out import SimulatedUser
from device_runtime.simulation.report import CorpusInfo, FailedUser
from device_runtime.simulation.trial_queue import MACHINE_ERRORS, QUEUED_PER_WORKER, failed_user, run_ahead
from keyboard_model.storage.child_processes import ChildProcessPool
from keyboard_model.storage.file_lock import exclusive_lock

_STORAGE_ERRORS = (*MACHINE_ERRORS, sqlite3.Error)

_bundles: Sequence[Bundle]  # set at the start of each worker process


def simulate_fleet(
    bundles: Sequence[Bundle],
    user_ids: Sequence[str],
    read: Callable[[str], SimulatedUser],
    plan: FleetPlan,
    *,
    corpus: CorpusInfo,
    folder: Path | None = None,
    workers: int = 2,
    progress: Callable[[int], object] | None = None,
) -> FleetReport:
    """Simulates a fleet. The same seed gives the same report, except for measured times.

    Args:
        bundles: The bundles on the phones. A second bundle is released on `plan.release_day`.
        user_ids: The users whose messages the phones see. If there are fewer users than phones, a user has several.
        read: Returns a user's messages.
        plan: How many phones, how many days, in what world.
        corpus: Describes the users' corpus, for the report.
        folder: Where `lives.jsonl` is stored. A second run reuses the finished phones there. While phones are
            simulated, their own folders are there too. None: nothing is stored.
        workers: Number of processes. Each runs the interpreter with one thread.
        progress: Called with each phone's number when its timeline is done.

    Raises:
        FleetError: there are no users, a worker died or cannot write, or another simulation uses `folder`.
        BundleError: a model does not run.
    """
    _check(bundles, user_ids, workers)
    aggregate = FleetAggregate(plan)
    with contextlib.ExitStack() as stack:
        root = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        locked = f"another simulation is writing to {root}: wait for it or give another --out"
        stack.enter_context(exclusive_lock(root, ".fleet.lock", FleetError, locked))
        store = stack.enter_context(TimelineStore(root))
        phones = stack.enter_context(_phones_folder(root / "living"))
        processes = stack.enter_context(ChildProcessPool(workers, initialize, bundles))
        timelines = _TimelineQueue(processes, TimelineKeys(bundles, plan), store, phones, plan)
        assigned = assign_users(len(user_ids), plan.population, plan.seed)
        owners = (Owner(phone, read(user_ids[user])) for phone, user in enumerate(assigned))
        for phone, result in enumerate(run_ahead(map(timelines.begin, owners), workers * QUEUED_PER_WORKER)):
            if isinstance(result, DeviceTimeline):
                aggregate.add(result)
            else:
                aggregate.add_failed(result)
            if progress:
                progress(phone)
    return aggregate.report(bundles, corpus)


def assign_users(users: int, population: int, seed: int) -> npt.NDArray[np.int64]:
    """Returns the number of each phone's user, `[population]`. Every user gets a phone before any gets a second.

    Phones of one user type the same messages; everything else is drawn for each phone. A population that is larger than
    the corpus therefore does not represent more users than the corpus has.
    """
    rng = generator(seed, RandomStream.OWNERS)
    rounds = -(-population // users)
    assigned: npt.NDArray[np.int64] = np.concatenate([rng.permutation(users) for _ in range(rounds)])
    return assigned[:population]


class _TimelineQueue:
    """Starts the simulation of phones in worker processes, and stores their timelines."""

    def __init__(
        self, processes: ChildProcessPool, keys: TimelineKeys, store: TimelineStore, phones: Path, plan: FleetPlan
    ) -> None:
        self._processes, self._keys, self._store, self._phones, self._plan = processes, keys, store, phones, plan

    def begin(self, owner: Owner) -> Callable[[], DeviceTimeline | FailedUser]:
        """Starts one phone. Returns a function that waits for the result."""
        key = self._keys.key(owner.phone, owner.user)
        if key in self._store:
            return lambda: self._store.read(key)
        with _explaining_errors(owner.phone):
            future = self._processes.submit(run_device, owner, self._phones / key[:24], self._plan)
        return lambda: self._finish(owner, key, future)

    def _finish(
        self, owner: Owner, key: str, future: Future[DeviceTimeline | FailedUser]
    ) -> DeviceTimeline | FailedUser:
        with _explaining_errors(owner.phone):
            result = future.result()
        if isinstance(result, DeviceTimeline):
            self._store.add(key, result)
        return result


@contextlib.contextmanager
def _explaining_errors(phone: int) -> Iterator[None]:
    """Turns failures of the machine, which no user's data caused, into errors that say what to do."""
    try:
        yield
    except BrokenProcessPool as error:
        raise FleetError(
            f"a worker process died at or near phone {phone} (out of memory?): run it again with fewer workers; "
            "finished phones are not simulated again"
        ) from error
    except MACHINE_ERRORS as error:
        raise FleetError(f"cannot continue at phone {phone}: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _phones_folder(path: Path) -> Iterator[Path]:
    """Makes an empty folder for the open phones. Deletes what a killed run left there, and everything at the end."""
    shutil.rmtree(path, ignore_errors=True)
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        raise FleetError(f"cannot create the folder {path}: {error.strerror or error}") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _check(bundles: Sequence[Bundle], user_ids: Sequence[str], workers: int) -> None:
    if not 1 <= len(bundles) <= 2:
        raise FleetError(f"{len(bundles)} bundles: give one, or two if a second bundle is released")
    if not user_ids:
        raise FleetError("there are no users to simulate: give at least one in user_ids")
    if workers < 1:
        raise FleetError(f"workers {workers} must be 1 or more")


def initialize(bundles: Sequence[Bundle]) -> None:
    """Sets the bundles of the phones in this worker process. The engine of a bundle is made when it is first needed."""
    global _bundles
    _bundles = bundles
    _engine.cache_clear()


def run_device(owner: Owner, folder: Path, plan: FleetPlan) -> DeviceTimeline | FailedUser:
    """Simulates one phone in `folder` in this worker process, and deletes the folder, which contains messages.

    Returns:
        The timeline, or a `FailedUser` if the user's messages caused an error.

    Raises:
        BundleError: the model does not run.
        OSError, MemoryError: the machine cannot continue.
    """
    _engine(0)  # outside of `try`: if the model does not run, that is not the user's fault
    shutil.rmtree(folder, ignore_errors=True)  # an earlier run can have left an unfinished phone
    try:
        return simulate_device(_engine, len(_bundles), owner, plan, folder)
    except Exception as error:
        if _is_machine_error(error):
            raise OSError(str(error)) from error
        return failed_user(owner.user, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _engine(bundle: int) -> Engine:
    return Engine(_bundles[bundle], num_threads=1)


def _is_machine_error(error: BaseException | None) -> bool:
    """Whether the machine caused this error, not a user's messages. Such an error ends the simulation."""
    while error is not None and not isinstance(error, _STORAGE_ERRORS):
        error = error.__cause__
    return error is not None
