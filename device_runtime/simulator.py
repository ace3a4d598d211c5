"""Many phones: what a bundle would do for each user of a corpus."""

from __future__ import annotations

import contextlib
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from device_runtime.aggregate import aggregate
from device_runtime.bundle import Bundle
from device_runtime.crew import MACHINE_ERRORS, Crew, failure
from device_runtime.held_out import WHOLE, SimulatedUser, TrialPlan
from device_runtime.report import CorpusInfo, FailedUser, Report
from device_runtime.trial import Trial
from device_runtime.trial_store import TrialKeys, TrialStore

__all__ = ["SimulatedUser", "SimulationError", "TrialPlan", "run_trials", "simulate"]

_QUEUED_PER_WORKER = 4  # users held in memory; enough that one slow user leaves no worker idle


class SimulationError(ValueError):
    """The simulation cannot be run as asked; the message says what to do."""


def _check(plan: TrialPlan, workers: int) -> None:
    if not 0 < plan.train_share < 1:
        raise SimulationError(
            f"train_share {plan.train_share} must lie between 0 and 1: some messages to learn, some to test"
        )
    if plan.seen is not None and plan.seen < 0:
        raise SimulationError(f"seen {plan.seen} must be 0 or more")
    if workers < 1:
        raise SimulationError(f"workers {workers} must be 1 or more")


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


class _Simulation:
    """Runs trials a few users ahead and gives their results in the users' order."""

    def __init__(self, crew: Crew, keys: TrialKeys, store: TrialStore | None, phones: Path, plan: TrialPlan) -> None:
        self._crew, self._keys, self._store, self._phones = crew, keys, store, phones
        self._plan = plan

    def _begin(self, user: SimulatedUser) -> Callable[[], Trial | FailedUser]:
        try:
            key = self._keys.key(user)
        except Exception as error:  # messages that are no messages
            failed = failure(user, error)
            return lambda: failed
        if self._store and key in self._store.trials:
            done = self._store.trials[key]
            return lambda: done
        future = self._crew.trial(user, self._phones / key[:24], self._store is not None, self._plan)
        return lambda: self._finish(user, key, future)

    def _finish(self, user: SimulatedUser, key: str, future: Future[Trial | FailedUser]) -> Trial | FailedUser:
        result = _result(user, future)
        if self._store and isinstance(result, Trial):
            self._store.add(key, result)
        return result

    def results(self, users: Iterable[SimulatedUser], ahead: int) -> Iterator[Trial | FailedUser]:
        pending: deque[Callable[[], Trial | FailedUser]] = deque()
        for user in users:
            pending.append(self._begin(user))
            if len(pending) >= ahead:
                yield pending.popleft()()
        while pending:
            yield pending.popleft()()


def run_trials(
    bundle: Bundle,
    users: Iterable[SimulatedUser],
    *,
    folder: Path | None = None,
    plan: TrialPlan = WHOLE,
    workers: int = 2,
    progress: Callable[[str], None] | None = None,
) -> tuple[list[Trial], list[FailedUser]]:
    """Gives each user a phone with `bundle`, lets it learn on its own, and tests it.

    A phone observes the first `plan.train_share` of its user's messages, adapts once, then predicts every word
    of the rest without learning from it. Everything in a trial but its times is deterministic.

    Args:
        bundle: What the phones run.
        users: Read a few ahead of the workers; each user_id once.
        folder: Keeps `phones/` and `rows.jsonl`, from which a second run takes finished users; None keeps nothing.
        plan: What of each user's messages is learnt from, and what tests.
        workers: Processes, each with its own interpreter (one thread).
        progress: Called with each user_id as its trial is there.

    Raises:
        SimulationError: an argument is out of range, a user comes twice, a worker died or cannot write.
        BundleError: the model does not run.
        TrialStoreError: `folder` cannot be written to, or another simulation is using it.
    """
    _check(plan, workers)
    trials: list[Trial] = []
    failed: list[FailedUser] = []
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(TrialStore(folder)) if folder else None
        phones = folder / "phones" if folder else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            phones.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise SimulationError(f"cannot make the folder {phones}: {error.strerror or error}") from error
        crew = stack.enter_context(Crew(bundle, workers))
        simulation = _Simulation(crew, TrialKeys(bundle.manifest, plan), store, phones, plan)
        for result in simulation.results(_each_once(users), workers * _QUEUED_PER_WORKER):
            if isinstance(result, Trial):
                trials.append(result)
            else:
                failed.append(result)
            if progress:
                progress(result.user_id)
    return trials, failed


def simulate(
    bundle: Bundle,
    users: Iterable[SimulatedUser],
    *,
    corpus: CorpusInfo,
    folder: Path | None = None,
    min_messages: int = 20,
    plan: TrialPlan = WHOLE,
    workers: int = 2,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Runs a trial a user and reports on them; see `run_trials` for the other arguments and errors.

    Args:
        corpus: Where the users are from, for the report.
        min_messages: Users with fewer have a row and are in no aggregate; 0 counts everybody with a word to test.
    """
    if min_messages < 0:
        raise SimulationError(f"min_messages {min_messages} must be 0 or more")
    trials, failed = run_trials(bundle, users, folder=folder, plan=plan, workers=workers, progress=progress)
    return aggregate(
        trials,
        failed,
        manifest=bundle.manifest,
        corpus=corpus,
        min_messages=min_messages,
        train_share=plan.train_share,
    )
