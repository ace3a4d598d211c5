"""Simulates a phone for each user of a corpus: what a bundle would do for each of them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path

from device_runtime.bundle.loader import Bundle
from device_runtime.simulation.aggregate import aggregate
from device_runtime.simulation.held_out import WHOLE, SimulatedUser, TrialPlan
from device_runtime.simulation.report import CorpusInfo, FailedUser, Report
from device_runtime.simulation.trial import Trial
from device_runtime.simulation.trial_queue import SimulationError, TrialQueue, TrialWorkerPool
from device_runtime.simulation.trial_store import TrialKeys, TrialStore

__all__ = ["SimulatedUser", "SimulationError", "TrialPlan", "run_trials", "simulate"]


def _check(plan: TrialPlan, workers: int) -> None:
    if not 0 < plan.train_share < 1:
        raise SimulationError(
            f"train_share {plan.train_share} must lie between 0 and 1: some messages to learn, some to test"
        )
    if plan.seen is not None and plan.seen < 0:
        raise SimulationError(f"seen {plan.seen} must be 0 or more")
    if workers < 1:
        raise SimulationError(f"workers {workers} must be 1 or more")


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
        progress: Called with each user_id when its trial is done.

    Raises:
        SimulationError: an argument is out of range, a user_id occurs twice, a worker died or cannot write.
        BundleError: the model does not run.
        TrialStoreError: `folder` cannot be written to, or another simulation is using it.
    """
    _check(plan, workers)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(TrialStore(folder)) if folder else None
        phones = folder / "phones" if folder else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            phones.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise SimulationError(f"cannot make the folder {phones}: {error.strerror or error}") from error
        pool = stack.enter_context(TrialWorkerPool(bundle, workers))

        def begin(user: SimulatedUser, key: str) -> Future[Trial | FailedUser]:
            return pool.trial(user, phones / key[:24], store is not None, plan)

        return TrialQueue(begin, TrialKeys(bundle.manifest, plan), store, workers).run(users, progress)


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
        corpus: Describes the users' corpus, for the report.
        min_messages: Users with fewer have a row but are in no aggregate; 0 includes every user with a word to test.
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
