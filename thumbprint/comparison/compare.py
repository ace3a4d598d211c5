"""Compares all methods on one corpus with one budget, fold by fold. Results are stored as they are ready."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from device_runtime.simulation.report import CorpusInfo
from federated.algorithms.registry import METHODS
from federated.corpus.store import Corpus
from federated.job import Job
from keyboard_model.storage.durable_files import atomic_write
from keyboard_model.storage.file_lock import exclusive_lock
from thumbprint.comparison.folds import CompareError, Fold, folds_of, pooled
from thumbprint.comparison.measure.comparison_setup import VARIANTS, variant
from thumbprint.comparison.measure.device_evaluator import comparison_keys
from thumbprint.comparison.measure.worker_pool import SHARED_MODEL, STARTED, WorkerConfig, WorkerPool
from thumbprint.comparison.remaining_time import RemainingTime, measurement_cost, training_cost, tuning_cost
from thumbprint.comparison.results import REFERENCE, Budget, Comparison, MethodResult, Skipped
from thumbprint.comparison.tuning import MethodTrials, TuningResult, choose

_METHOD_RESULT, _METHOD_TRIALS = TypeAdapter(MethodResult), TypeAdapter(MethodTrials)
_Stored = TypeVar("_Stored", MethodResult, MethodTrials)
_Paths = Mapping[tuple[int, str], Path]
"""Where the result of a fold and a method is stored."""


def compare(
    job: Job,
    corpus_path: Path,
    out: Path,
    *,
    methods: Sequence[str] = (),
    budget: Budget,
    min_messages: int = 20,
    runs: Sequence[Path] = (),
    at_once: int = 2,
    on_progress: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Trains a shared model for each fold, then tunes, trains and measures each method. Finished work is not repeated.

    Args:
        out: Stores everything: for each fold the shared model, tuning, rounds, bundles, phones, and one file for each
            finished method.
        methods: Names of methods and variants; empty = all.
        runs: Finished trainings of the same job and corpus, whose shared models are used, one for each fold. None =
            train them in `out`, as many as `budget.folds`.
        at_once: Number of shared models trained, or of methods measured, in parallel, each in its own process.
        on_progress: Called with a line for each step.

    Raises:
        CompareError: a method is unknown, a run is of another corpus, the runs are not folds of one split, or there are
            no users to measure.
        WorkerPoolError, RunError, CorpusError, JobError, ExportError, WorkerError: see there.
    """
    METHODS.named(job.personalization.method)
    names = select_methods(methods)
    in_use = f"another process is comparing in {out}: wait for it, or choose another --out"
    with Corpus.open(corpus_path) as corpus, exclusive_lock(out, ".lock", CompareError, in_use):
        folds = folds_of(job, out, budget.folds, runs, budget.shared_rounds)
        budget = replace(budget, folds=len(folds))
        _check_same_corpus(folds, corpus)
        new_phones = {fold.number: fold.new_phones(corpus, min_messages) for fold in folds}
        folds = [fold for fold in folds if new_phones[fold.number]]
        if not folds:
            raise CompareError(
                f"no user is held out as a new phone with {min_messages} messages or more: lower --min-messages, or "
                "raise `data.new_phone_share` in the job"
            )
        work = _Work(folds, names, budget, at_once, on_progress)
        work.train(corpus_path)
        comparison_keys(out / "keys")
        configs = {
            fold.number: WorkerConfig(
                corpus_path,
                fold.run.path,
                fold.results(),
                out / "keys",
                min_messages,
                job.personalization,
                replace(budget, beside=budget.beside and fold is folds[0]),
            )
            for fold in folds
        }
        trials = work.tune(configs)
        tuned = {number: _choices(names, list(trials.values()), set(new_phones[number])) for number in configs}
        results = work.measure(configs, tuned)
    profiles = {user: dict(corpus.profile(user) or {}) for user in corpus.user_ids()}
    return Comparison(
        corpus=CorpusInfo(id=corpus.corpus_id, description=corpus.description, synthetic=corpus.synthetic),
        seed=job.seed,
        min_messages=min_messages,
        budget=budget,
        methods=tuple(
            pooled([of_fold[name] for of_fold in results.values()])
            for name in names
            if all(name in of_fold for of_fold in results.values())
        ),
        skipped=tuple(work.skipped[name] for name in names if name in work.skipped),
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


def _check_same_corpus(folds: Sequence[Fold], corpus: Corpus) -> None:
    for fold in folds:
        if fold.given and fold.run.read_json("corpus.json")["corpus_id"] != corpus.corpus_id:
            raise CompareError(
                f"{fold.run.path} was trained on another corpus than {corpus.path}: give the corpus of the run"
            )


def _choices(
    names: Sequence[str], trials: Sequence[Mapping[str, MethodTrials]], new_phones: Container[str]
) -> dict[str, TuningResult]:
    """Returns the settings of each method for a fold: they do not depend on how its new phones did in a trial."""
    return {
        name: choose([of_fold[name].trials for of_fold in trials], without=new_phones)
        for name in names
        if all(name in of_fold for of_fold in trials)
    }


@dataclass
class _Work:
    """Does the tasks of a comparison that are not stored, and reports how far it is.

    Attributes:
        skipped: The methods that cannot be tuned or measured, by name.
    """

    folds: Sequence[Fold]
    names: Sequence[str]
    budget: Budget
    at_once: int
    on_progress: Callable[[str], None]
    skipped: dict[str, Skipped] = field(default_factory=dict)

    def __post_init__(self) -> None:
        costs = {}
        for fold in self.folds:
            costs[_task(fold.number, "train", SHARED_MODEL)] = training_cost(fold.job)
            for name in self.names:
                method = METHODS[variant(name)[0]]
                if self._has_trials(name):
                    costs[_task(fold.number, "tune", name)] = tuning_cost(method, self.budget)
                costs[_task(fold.number, "measure", name)] = measurement_cost(method, self.budget)
        self._costs = costs
        self._remaining = RemainingTime(costs, self.at_once)

    def train(self, corpus: Path) -> None:
        """Trains the shared models of the folds."""
        missing = []
        for fold in self.folds:
            if fold.is_trained():
                self._remaining.skip(_task(fold.number, "train", SHARED_MODEL))
            else:
                missing.append(fold)
        if missing:
            with self._pool("train", {}, len(missing)) as pool:
                for number in pool.train(missing, corpus):
                    self._remaining.finish(_task(number, "train", SHARED_MODEL))

    def tune(self, configs: Mapping[int, WorkerConfig]) -> dict[int, dict[str, MethodTrials]]:
        """Returns the trials of each method in each fold."""
        names = [name for name in self.names if self._has_trials(name)]
        paths = {
            (fold, name): config.folder / "tuning" / f"{name}-{_digest(config)}.json"
            for fold, config in configs.items()
            for name in names
        }
        done = self._stored("tune", paths, _METHOD_TRIALS)
        if missing := self._missing("tune", paths, done):
            with self._pool("tune", configs, len(missing)) as pool:
                done |= self._results("tune", pool.tune(missing), paths, _METHOD_TRIALS)
        nothing = {name: MethodTrials(name=name, trials=()) for name in self.names if name not in names}
        return {fold: nothing | _of_fold(done, fold) for fold in configs}

    def measure(
        self,
        configs: Mapping[int, WorkerConfig],
        tuned: Mapping[int, Mapping[str, TuningResult]],
    ) -> dict[int, dict[str, MethodResult]]:
        """Returns the result of each method in each fold.

        Args:
            tuned: The chosen settings by fold and method.
        """
        paths = {
            (fold, name): config.folder / "methods" / f"{name}-{_digest(config, chosen.values, chosen.trials)}.json"
            for fold, config in configs.items()
            for name, chosen in tuned[fold].items()
        }
        done = self._stored("measure", paths, _METHOD_RESULT)
        if missing := self._missing("measure", paths, done):
            with self._pool("measure", configs, len(missing)) as pool:
                outcomes = pool.measure([(fold, name, tuned[fold][name]) for fold, name in missing])
                done |= self._results("measure", outcomes, paths, _METHOD_RESULT)
        return {fold: _of_fold(done, fold) for fold in configs}

    def _has_trials(self, name: str) -> bool:
        """Whether a method has settings to choose."""
        return bool(self.budget.trials and METHODS[variant(name)[0]].space)

    def _stored(self, step: str, paths: _Paths, content: TypeAdapter[_Stored]) -> dict[tuple[int, str], _Stored]:
        """Returns the results that are stored. A damaged file counts as missing."""
        found = {}
        for (fold, name), path in paths.items():
            with contextlib.suppress(FileNotFoundError, ValidationError):
                found[fold, name] = content.validate_json(path.read_bytes())
                self._remaining.skip(_task(fold, step, name))
        return found

    def _missing(self, step: str, paths: _Paths, done: Container[tuple[int, str]]) -> list[tuple[int, str]]:
        """Returns the tasks without a result, fold by fold.

        In each fold, the most expensive one is the first, so that it is not left alone at the end.
        """
        missing = [task for task in paths if task not in done and task[1] not in self.skipped]
        return sorted(missing, key=lambda task: (task[0], -self._costs[_task(task[0], step, task[1])]))

    def _pool(self, step: str, configs: Mapping[int, WorkerConfig], tasks: int) -> WorkerPool:
        def report(fold: int, name: str, what: str) -> None:
            if what == STARTED:
                self._remaining.start(_task(fold, step, name))
            self._report(fold, f"{name}: {what}")

        return WorkerPool(configs, min(self.at_once, tasks), report)

    def _results(
        self,
        step: str,
        outcomes: Iterator[tuple[int, _Stored | Skipped]],
        paths: _Paths,
        content: TypeAdapter[_Stored],
    ) -> dict[tuple[int, str], _Stored]:
        """Stores each result as soon as it is ready."""
        results = {}
        for fold, outcome in outcomes:
            self._remaining.finish(_task(fold, step, outcome.name))
            if isinstance(outcome, Skipped):
                self.skipped[outcome.name] = outcome
                for each in self.folds if step == "tune" else ():
                    self._remaining.skip(_task(each.number, "measure", outcome.name))
                continue
            path = paths[fold, outcome.name]
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, content.dump_json(outcome, indent=1))
            results[fold, outcome.name] = outcome
        return results

    def _report(self, fold: int, what: str) -> None:
        place = f"fold {fold}: " if len(self.folds) > 1 else ""
        self.on_progress(f"{place}{what} ({self._remaining.describe()})")


def _task(fold: int, step: str, name: str) -> str:
    return f"{fold} {step} {name}"


def _of_fold(results: Mapping[tuple[int, str], _Stored], fold: int) -> dict[str, _Stored]:
    return {name: result for (of, name), result in results.items() if of == fold}


def _digest(config: WorkerConfig, *others: object) -> str:
    """Returns a digest of everything that a result of a method depends on, except its name and the shared model."""
    made_of = asdict(config.budget), config.min_messages, config.initial.model_dump_json(), others
    return hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]
