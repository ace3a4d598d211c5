"""Compares all methods on one corpus with one shared model and one budget. Results are stored as they are ready.

Also estimates the remaining time of a comparison from the time that its finished methods took.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from device_runtime.simulation.report import CorpusInfo
from federated.algorithms.registry import METHODS
from federated.corpus.store import Corpus
from federated.job import Job
from federated.personalization.method import Method
from federated.run import Run
from federated.training.callbacks.callback import RoundReport
from federated.training.callbacks.round_reports import ReportProgress
from federated.training.train_run import train
from keyboard_model.storage.durable_files import atomic_write
from keyboard_model.storage.file_lock import exclusive_lock
from thumbprint.comparison.measure.comparison_setup import VARIANTS, variant
from thumbprint.comparison.measure.device_evaluator import comparison_keys
from thumbprint.comparison.measure.worker_pool import STARTED, MethodWorkerPool, WorkerConfig
from thumbprint.comparison.results import REFERENCE, Budget, Comparison, MethodResult, Skipped

_TRIAL_COST, _MEASUREMENT_COST = 4, 40
"""The cost of testing a trial on the validation users, and of measuring a method.

The unit is one federated round on the NUS SMS corpus.
"""
_METHOD_RESULT = TypeAdapter(MethodResult)


class CompareError(ValueError):
    """The comparison cannot be run; the message says what to do."""


def compare(
    job: Job,
    corpus_path: Path,
    out: Path,
    *,
    methods: Sequence[str] = (),
    budget: Budget,
    min_messages: int = 20,
    run: Path | None = None,
    at_once: int = 2,
    on_progress: Callable[[str], None] = lambda line: None,
    on_round: Callable[[RoundReport], None] = lambda report: None,
) -> Comparison:
    """Trains the shared model, then tunes, trains and measures each method. Finished work is not repeated.

    Args:
        out: Stores everything: the shared model, tuning, rounds, bundles, phones, and one file per finished method.
        methods: Names of methods and variants; empty = all.
        run: A finished training of the same job and corpus, whose shared model is used. None = train it in `out`.
        at_once: Number of methods measured in parallel, each in its own process.
        on_progress: Called with a line for each step.
        on_round: Called with each round of the shared model's training.

    Raises:
        CompareError: a method is unknown, the run is of another corpus, or there are no users to measure.
        WorkerPoolError, RunError, CorpusError, JobError, ExportError, WorkerError: see there.
    """
    METHODS.named(job.personalization.method)
    names = select_methods(methods)
    in_use = f"another process is comparing in {out}: wait for it, or choose another --out"
    with Corpus.open(corpus_path) as corpus, exclusive_lock(out, ".lock", CompareError, in_use):
        trained = run or out / "shared"
        if run is None:
            on_progress("training the shared model")
            train(job, corpus, trained, resume=True, callbacks=[ReportProgress(round=on_round)])
        _check_same_corpus(Run(trained), corpus)
        comparison_keys(out / "keys")
        config = WorkerConfig(corpus_path, trained, out, min_messages, job.personalization, budget)
        setup = config.setup(corpus)
        if not setup.new_phones():
            raise CompareError(
                f"no user is held out as a new phone with {min_messages} messages or more: lower --min-messages, or "
                "raise `data.new_phone_share` in the job"
            )
        results, skipped = _measure_all(config, setup.model_digest, names, at_once, on_progress)
    profiles = {user: dict(corpus.profile(user) or {}) for user in corpus.user_ids()}
    return Comparison(
        corpus=CorpusInfo(id=corpus.corpus_id, description=corpus.description, synthetic=corpus.synthetic),
        seed=job.seed,
        min_messages=min_messages,
        budget=budget,
        methods=tuple(results),
        skipped=tuple(skipped),
        profiles={user: profile for user, profile in profiles.items() if profile},
    )


def select_methods(names: Sequence[str]) -> list[str]:
    """Returns the methods and variants to measure, the reference first; all of them if no name is given.

    Raises:
        CompareError: a name is neither a method nor a variant.
    """
    known = [*METHODS, *VARIANTS]
    for name in names:
        if name not in known:
            raise CompareError(f"there is no method {name!r}: choose from {', '.join(known)}")
    selected = [name for name in known if not names or name in names]
    return [REFERENCE, *(name for name in selected if name != REFERENCE)]


def _check_same_corpus(run: Run, corpus: Corpus) -> None:
    if run.read_json("corpus.json")["corpus_id"] != corpus.corpus_id:
        raise CompareError(f"{run.path} was trained on another corpus than {corpus.path}: give the corpus of the run")


def _measure_all(
    config: WorkerConfig, model_digest: bytes, names: Sequence[str], at_once: int, on_progress: Callable[[str], None]
) -> tuple[list[MethodResult], list[Skipped]]:
    """Returns the result of each method, measured now or stored by an earlier call, and the methods without one."""
    digest = _settings_digest(config, model_digest)
    paths = {name: config.folder / "methods" / f"{name}-{digest}.json" for name in names}
    results = {name: stored for name in names if (stored := _stored_result(paths[name]))}
    skipped = {}
    costs = {name: estimated_cost(METHODS[variant(name)[0]], config.budget) for name in names if name not in results}
    remaining = RemainingTime(costs, at_once)

    def report(name: str, step: str) -> None:
        if step == STARTED:
            remaining.start(name)
        on_progress(f"{name}: {step} ({remaining.describe()})")

    if costs:
        with MethodWorkerPool(config, min(at_once, len(costs)), report) as pool:
            # The most expensive first: otherwise, one process could be left alone with one at the end.
            expensive_first = sorted(costs, key=costs.__getitem__, reverse=True)
            for outcome in pool.measure(expensive_first, pool.reference_hits()):
                remaining.finish(outcome.name)
                if isinstance(outcome, Skipped):
                    skipped[outcome.name] = outcome
                    continue
                paths[outcome.name].parent.mkdir(parents=True, exist_ok=True)
                atomic_write(paths[outcome.name], _METHOD_RESULT.dump_json(outcome, indent=1))
                results[outcome.name] = outcome
    return [results[name] for name in names if name in results], [skipped[name] for name in names if name in skipped]


def _settings_digest(config: WorkerConfig, model_digest: bytes) -> str:
    """Returns a digest of everything that a method's result depends on, except its name."""
    digest = hashlib.sha256(model_digest)
    digest.update(repr((asdict(config.budget), config.min_messages)).encode())
    digest.update(config.initial.model_dump_json().encode())
    return digest.hexdigest()[:12]


def _stored_result(path: Path) -> MethodResult | None:
    with contextlib.suppress(FileNotFoundError, ValidationError):  # a damaged file is measured again
        return _METHOD_RESULT.validate_json(path.read_bytes())
    return None


def estimated_cost(method: Method, budget: Budget) -> int:
    """Estimates the cost of tuning, training and measuring a method, in federated rounds."""
    tuning = budget.tuning_rounds if method.local else 0
    trials = budget.trials if method.space else 0
    return trials * (_TRIAL_COST + tuning) + (budget.rounds if method.local else 0) + _MEASUREMENT_COST


class RemainingTime:
    """Estimates the remaining time. It must be notified when a method starts and when it finishes."""

    def __init__(self, costs: Mapping[str, int], at_once: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: costs: estimated cost of each method; at_once: number of methods measured in parallel."""
        self._waiting = dict(costs)
        self._running: dict[str, tuple[int, float]] = {}
        self._at_once, self._clock = at_once, clock
        self._methods, self._finished = len(costs), 0
        self._cost = self._seconds = 0.0

    def start(self, name: str) -> None:
        """Notes that a method starts now."""
        self._running[name] = self._waiting.pop(name), self._clock()

    def finish(self, name: str) -> None:
        """Notes that a method finished now."""
        cost, since = self._running.pop(name)
        self._finished += 1
        self._cost += cost
        self._seconds += self._clock() - since

    def describe(self) -> str:
        """Returns how many methods are done and, after the first one, an estimate of the remaining minutes."""
        done = f"{self._finished} of {self._methods} done"
        if not self._finished:
            return done
        pace = self._seconds / self._cost
        running = sum(max(pace * cost - (self._clock() - since), 0.0) for cost, since in self._running.values())
        minutes = (running + pace * sum(self._waiting.values())) / self._at_once / 60
        return f"{done}, about {max(round(minutes), 1):,} min left"
