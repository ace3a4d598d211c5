"""Child processes that train shared models and measure methods, each with its own TFF worker.

The rounds of one training, of a shared model or a method, run one after another and use hardly more than one core.
Trainings do not depend on each other, so several run in parallel.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import TypeVar

from federated.algorithms.registry import METHODS
from federated.corpus.store import Corpus
from federated.job import JobError, PersonalizationConfig
from federated.personalization.method import Method
from federated.run import Run
from federated.runtime.execution_context import execution_context
from federated.training.callbacks.callback import RoundReport
from federated.training.callbacks.round_reports import ReportProgress
from federated.training.train_run import train
from keyboard_model.storage.child_processes import ChildProcessPool
from tflite_export.signatures import ExportError
from thumbprint.comparison.folds import Fold
from thumbprint.comparison.measure.comparison_setup import ComparisonSetup, variant
from thumbprint.comparison.measure.device_evaluator import DeviceEvaluator, comparison_keys
from thumbprint.comparison.measure.method_evaluator import MethodEvaluator
from thumbprint.comparison.measure.tff_evaluator import TffEvaluator
from thumbprint.comparison.results import REFERENCE, Budget, MethodResult, Skipped
from thumbprint.comparison.tuning import MethodTrials, TuningResult, initial_config
from thumbprint.console import silence_tensorflow

_POLL_SECONDS = 0.2
_CONCURRENT_CLIENTS = 2
"""Clients that a worker trains at the same time; the cores are shared by several workers."""

SHARED_MODEL = "shared model"
"""The name of the training of a fold in progress messages."""
STARTED = "started"
"""The first progress message of each training and method."""
_ROUNDS_BETWEEN_MESSAGES = 20
Progress = tuple[int, str, str]
"""A fold, `SHARED_MODEL` or the name of a method, and the step that begins for them."""
Result = TypeVar("Result")


class WorkerPoolError(RuntimeError):
    """A worker process died; the message says what to do."""


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker process needs to measure methods in one fold.

    Attributes:
        run: The finished training of the job.
        folder: The folder of the fold.
        keys: The folder of the keys that sign the bundles.
        initial: The personalization settings of the job.
    """

    corpus: Path
    run: Path
    folder: Path
    keys: Path
    min_messages: int
    initial: PersonalizationConfig
    budget: Budget

    def setup(self, corpus: Corpus) -> ComparisonSetup:
        """Returns what all methods share."""
        run = Run(self.run)
        return ComparisonSetup.of_run(run, run.clients(corpus), self.folder, self.min_messages)


# The state of a worker process, set at its start.
_configs: Mapping[int, WorkerConfig]
_progress: SimpleQueue[Progress]
_resources = contextlib.ExitStack()  # open until the process ends


def _start(configs: Mapping[int, WorkerConfig], progress: SimpleQueue[Progress]) -> None:
    global _configs, _progress
    _configs, _progress = configs, progress
    silence_tensorflow()


@functools.cache
def _corpus(path: Path) -> Corpus:
    """Opens the corpus, and lets TFF computations run in this process."""
    _resources.enter_context(execution_context(concurrent_clients=_CONCURRENT_CLIENTS))
    atexit.register(_resources.close)  # later, the modules that it needs are gone
    return _resources.enter_context(Corpus.open(path))


@functools.lru_cache(maxsize=1)  # the tasks of a fold follow each other
def _evaluator(fold: int) -> MethodEvaluator:
    config = _configs[fold]
    setup = config.setup(_corpus(config.corpus))
    phones = DeviceEvaluator(setup, comparison_keys(config.keys), config.initial, config.budget.test_messages)
    return MethodEvaluator(
        setup, config.budget, phones, TffEvaluator(setup), lambda name, step: _progress.put((fold, name, step))
    )


def _attempt(
    fold: int, name: str, work: Callable[[MethodEvaluator, Method, PersonalizationConfig], Result]
) -> tuple[int, Result | Skipped]:
    _progress.put((fold, name, STARTED))
    method, options = variant(name)
    try:
        initial = initial_config(_configs[fold].initial, method, options)
        return fold, work(_evaluator(fold), METHODS[method], initial)
    except (ExportError, JobError) as error:
        return fold, Skipped(name=name, reason=str(error))


def _train(fold: Fold, corpus: Path) -> int:
    def report(done: RoundReport) -> None:
        if done.round % _ROUNDS_BETWEEN_MESSAGES == 0:
            _progress.put((fold.number, SHARED_MODEL, f"round {done.round} of {done.rounds}"))

    _progress.put((fold.number, SHARED_MODEL, STARTED))
    train(fold.job, corpus, fold.run.path, resume=True, callbacks=[ReportProgress(round=report)])
    return fold.number


def _tune(fold: int, name: str) -> tuple[int, MethodTrials | Skipped]:
    def work(evaluator: MethodEvaluator, method: Method, initial: PersonalizationConfig) -> MethodTrials:
        return MethodTrials(name=name, trials=tuple(evaluator.tune(name, method, initial)))

    return _attempt(fold, name, work)


def _measure(
    fold: int, name: str, tuned: TuningResult, reference_hits: Mapping[str, str]
) -> tuple[int, MethodResult | Skipped]:
    def work(evaluator: MethodEvaluator, method: Method, initial: PersonalizationConfig) -> MethodResult:
        return evaluator.measure(name, method, initial, tuned, reference_hits)

    return _attempt(fold, name, work)


def _reference_hits(fold: int) -> tuple[int, dict[str, str]]:
    _progress.put((fold, REFERENCE, "new phones"))
    return fold, _evaluator(fold).phones.reference_hits()


class WorkerPool(ChildProcessPool):
    """Worker processes that train the shared models of folds, and tune and measure methods in a fold."""

    def __init__(
        self, configs: Mapping[int, WorkerConfig], processes: int, on_progress: Callable[[int, str, str], None]
    ) -> None:
        """Starts `processes` workers.

        Args:
            configs: Of each fold, by its number. Trainings need none.
            on_progress: Called with each `Progress`.
        """
        self._progress: SimpleQueue[Progress] = multiprocessing.get_context("spawn").SimpleQueue()
        self._on_progress = on_progress
        super().__init__(processes, _start, configs, self._progress)

    def train(self, folds: Iterable[Fold], corpus: Path) -> Iterator[int]:
        """Trains the shared models of folds. Yields the number of each fold that is ready, in any order.

        Raises:
            WorkerPoolError: a worker process died.
            RunError, CorpusError, TokenizerError, WorkerError: see `federated.training.train_run.train`.
        """
        return self._results([self.submit(_train, fold, corpus) for fold in folds])

    def tune(self, tasks: Iterable[tuple[int, str]]) -> Iterator[tuple[int, MethodTrials | Skipped]]:
        """Tries settings of methods, and yields the trials of each task as soon as they are ready, in any order.

        Raises:
            WorkerPoolError: a worker process died.
        """
        return self._results([self.submit(_tune, fold, name) for fold, name in tasks])

    def measure(self, tasks: Sequence[tuple[int, str, TuningResult]]) -> Iterator[tuple[int, MethodResult | Skipped]]:
        """Measures methods with their chosen settings, and yields each result as soon as it is ready, in any order.

        Raises:
            WorkerPoolError: a worker process died.
        """
        folds = dict.fromkeys(fold for fold, *_ in tasks)
        hits = dict(self._results([self.submit(_reference_hits, fold) for fold in folds]))
        return self._results([self.submit(_measure, fold, name, tuned, hits[fold]) for fold, name, tuned in tasks])

    def _results(self, futures: Sequence[Future[Result]]) -> Iterator[Result]:
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            while not self._progress.empty():
                self._on_progress(*self._progress.get())
            try:
                yield from (future.result() for future in done)
            except BrokenProcessPool as error:
                raise WorkerPoolError(
                    "a process that trained or measured a model died (out of memory?): run the command again with a "
                    "smaller --at-once; finished work is kept"
                ) from error
