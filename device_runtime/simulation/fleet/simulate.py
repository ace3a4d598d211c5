"""Simulates a fleet: many phones through the same days, in several processes.

Phones do not interact, so each is simulated through all its days at once, in any order. At any moment a process has
one phone open; every other phone is either not yet created or reduced to a record of counts. So a process can
simulate 10,000 phones (benchmarks/fleet.py). The users of a corpus are assigned to a population of any size.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import sqlite3
import tempfile
from collections import deque
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
from device_runtime.simulation.trial_queue import MACHINE_ERRORS, failure
from keyboard_model.storage.child_processes import ChildProcessPool
from keyboard_model.storage.file_lock import exclusive_lock

_MACHINE_ERRORS = (*MACHINE_ERRORS, sqlite3.Error)

_bundles: Sequence[Bundle]  # of this process, set as it starts


def initialize(bundles: Sequence[Bundle]) -> None:
    """Makes these the bundles of this process's phones; an engine of each is made when it is first needed."""
    global _bundles
    _bundles = bundles
    _engine.cache_clear()


def run_device(owner: Owner, folder: Path, plan: FleetPlan) -> DeviceTimeline | FailedUser:
    """Lets a phone live in `folder`, which is gone afterwards: what people wrote is not left behind.

    Returns:
        Its life, or who it was where their messages broke it.

    Raises:
        BundleError: the model does not run.
        OSError, MemoryError: the machine cannot go on.
    """
    _engine(0)  # a model that does not run is no user's fault
    shutil.rmtree(folder, ignore_errors=True)  # a phone that an earlier run left half-way
    try:
        return simulate_device(_engine, len(_bundles), owner, plan, folder)
    except Exception as error:
        if _of_the_machine(error):
            raise OSError(str(error)) from error
        return failure(owner.user, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _engine(bundle: int) -> Engine:
    return Engine(_bundles[bundle], num_threads=1)


def _of_the_machine(error: BaseException | None) -> bool:
    """Whether it comes of the machine, never of one person's messages: such an error ends the simulation."""
    while error is not None and not isinstance(error, _MACHINE_ERRORS):
        error = error.__cause__
    return error is not None


def assign_users(users: int, population: int, seed: int) -> npt.NDArray[np.int64]:
    """Returns the number of each phone's user, `[population]`, every user before any comes a second time.

    Phones of one user type the same; all else about them is drawn anew. So a population larger than the corpus
    says nothing of more people than the corpus has.
    """
    rng = generator(seed, RandomStream.OWNERS)
    rounds = -(-population // users)
    assigned: npt.NDArray[np.int64] = np.concatenate([rng.permutation(users) for _ in range(rounds)])
    return assigned[:population]


_QUEUED_PER_WORKER = 4  # users held in memory; enough that one user with many messages leaves no worker idle

Result = DeviceTimeline | FailedUser


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
        bundles: What the phones run; a second bundle is released on `plan.release_day`.
        user_ids: The users whose messages the phones see; with fewer users than phones, a user has several.
        read: Returns a user's messages.
        plan: How many phones, how long, in what world.
        corpus: Describes the users' corpus, for the report.
        folder: Keeps `lives.jsonl`, from which a second run takes finished phones; None keeps nothing. The phones'
            own folders lie in it while they live.
        workers: Processes, each with its own interpreter (one thread).
        progress: Called with each phone's number when its timeline is done.

    Raises:
        FleetError: there are no users, a worker died or cannot write, or another simulation uses `folder`.
        BundleError: a model does not run.
    """
    _check(bundles, user_ids, workers)
    tally = FleetAggregate(plan)
    with contextlib.ExitStack() as stack:
        root = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        taken = f"another simulation is writing to {root}: wait for it or give another --out"
        stack.enter_context(exclusive_lock(root, ".fleet.lock", FleetError, taken))
        store = stack.enter_context(TimelineStore(root))
        phones = stack.enter_context(_phones(root / "living"))
        processes = stack.enter_context(ChildProcessPool(workers, initialize, bundles))
        timelines = _Timelines(processes, TimelineKeys(bundles, plan), store, phones, plan)
        assigned = assign_users(len(user_ids), plan.population, plan.seed)
        owners = (Owner(phone, read(user_ids[user])) for phone, user in enumerate(assigned))
        for phone, result in enumerate(timelines.results(owners, workers * _QUEUED_PER_WORKER)):
            if isinstance(result, DeviceTimeline):
                tally.add(result)
            else:
                tally.add_failed(result)
            if progress:
                progress(phone)
    return tally.report(bundles, corpus)


class _Timelines:
    """Simulates a few phones ahead and yields their timelines in the phones' order."""

    def __init__(
        self, processes: ChildProcessPool, keys: TimelineKeys, store: TimelineStore, phones: Path, plan: FleetPlan
    ) -> None:
        self._processes, self._keys, self._store, self._phones, self._plan = processes, keys, store, phones, plan

    def results(self, owners: Iterator[Owner], ahead: int) -> Iterator[Result]:
        pending: deque[Callable[[], Result]] = deque()
        for owner in owners:
            pending.append(self._begin(owner))
            if len(pending) >= ahead:
                yield pending.popleft()()
        while pending:
            yield pending.popleft()()

    def _begin(self, owner: Owner) -> Callable[[], Result]:
        key = self._keys.key(owner.phone, owner.user)
        if key in self._store:
            return lambda: self._store.life(key)
        with _explaining_errors(owner.phone):
            future = self._processes.submit(run_device, owner, self._phones / key[:24], self._plan)
        return lambda: self._finish(owner, key, future)

    def _finish(self, owner: Owner, key: str, future: Future[Result]) -> Result:
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
            "finished phones are not lived again"
        ) from error
    except MACHINE_ERRORS as error:
        raise FleetError(f"cannot go on at phone {phone}: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def _phones(path: Path) -> Iterator[Path]:
    """An empty folder for the phones that are open; removes what a killed run left, and everything at the end."""
    shutil.rmtree(path, ignore_errors=True)
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        raise FleetError(f"cannot make the folder {path}: {error.strerror or error}") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _check(bundles: Sequence[Bundle], user_ids: Sequence[str], workers: int) -> None:
    if not 1 <= len(bundles) <= 2:
        raise FleetError(f"{len(bundles)} bundles: a fleet runs one, or one and then another")
    if not user_ids:
        raise FleetError("there are no users to simulate: give at least one in user_ids")
    if workers < 1:
        raise FleetError(f"workers {workers} must be 1 or more")
