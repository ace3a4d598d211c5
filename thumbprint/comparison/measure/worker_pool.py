"""Child processes that measure methods, each with its own TFF worker.

The rounds and trials of one method run one after another and use hardly more than one core. Methods do not depend on
each other, so several are measured in parallel.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import TypeVar

from federated.algorithms.registry import METHODS
from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.job import JobError, PersonalizationConfig
from federated.run import Run
from federated.runtime.execution_context import execution_context
from keyboard_model.storage.child_processes import ChildProcessPool
from tflite_export.signatures import ExportError
from thumbprint.comparison.measure.comparison_setup import ComparisonSetup, variant
from thumbprint.comparison.measure.device_evaluator import DeviceEvaluator, comparison_keys
from thumbprint.comparison.measure.method_evaluator import MethodEvaluator, OnProgress
from thumbprint.comparison.measure.tff_evaluator import TffEvaluator
from thumbprint.comparison.results import REFERENCE, Budget, MethodResult, Skipped
from thumbprint.comparison.tuning import initial_config
from thumbprint.console import silence_tensorflow

_POLL_SECONDS = 0.2
_CONCURRENT_CLIENTS = 2
"""Clients that a worker trains at the same time; the cores are shared by several workers."""

STARTED = "started"
"""The first progress message of each method."""
Progress = tuple[str, str]
"""The name of a method, and the step that begins for it."""
Result = TypeVar("Result")


class WorkerPoolError(RuntimeError):
    """A worker process died; the message says what to do."""


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker process needs to measure methods.

    Attributes:
        run: The finished training of the job.
        folder: The folder of the comparison.
        initial: The personalization settings of the job.
    """

    corpus: Path
    run: Path
    folder: Path
    min_messages: int
    initial: PersonalizationConfig
    budget: Budget

    def setup(self, corpus: Corpus) -> ComparisonSetup:
        """Returns what all methods share."""
        run = Run(self.run)
        job = run.job()
        clients = FederatedData.of(corpus, job.data, job.seed)
        return ComparisonSetup.of_run(run, clients, self.folder, self.min_messages)


# The state of a worker process, set at its start.
_config: WorkerConfig
_progress: SimpleQueue[Progress]
_resources = contextlib.ExitStack()  # open until the process ends


def _start(config: WorkerConfig, progress: SimpleQueue[Progress]) -> None:
    global _config, _progress
    _config, _progress = config, progress
    silence_tensorflow()


@functools.cache
def _evaluator() -> MethodEvaluator:
    setup = _config.setup(_resources.enter_context(Corpus.open(_config.corpus)))
    keys = comparison_keys(_config.folder / "keys")
    phones = DeviceEvaluator(setup, keys, _config.initial, _config.budget.test_messages)
    _resources.enter_context(execution_context(concurrent_clients=_CONCURRENT_CLIENTS))
    return MethodEvaluator(
        setup, _config.budget, phones, TffEvaluator(setup), lambda name, step: _progress.put((name, step))
    )


def _measure(name: str, reference_hits: Mapping[str, str]) -> MethodResult | Skipped:
    _progress.put((name, STARTED))
    method, options = variant(name)
    initial = initial_config(_config.initial, method, options)
    try:
        return _evaluator().measure(name, METHODS[method], initial, reference_hits)
    except (ExportError, JobError) as error:
        return Skipped(name=name, reason=str(error))


def _reference_hits() -> dict[str, str]:
    _progress.put((REFERENCE, "new phones"))
    return _evaluator().phones.reference_hits()


class MethodWorkerPool(ChildProcessPool):
    """Worker processes that measure methods."""

    def __init__(self, config: WorkerConfig, processes: int, on_progress: OnProgress) -> None:
        """Starts `processes` workers. `on_progress` is called with a method and each step that begins for it."""
        self._progress: SimpleQueue[Progress] = multiprocessing.get_context("spawn").SimpleQueue()
        self._on_progress = on_progress
        super().__init__(processes, _start, config, self._progress)

    def reference_hits(self) -> dict[str, str]:
        """Returns `DeviceEvaluator.reference_hits`, computed by a worker."""
        return next(self._results([self.submit(_reference_hits)]))

    def measure(self, names: Sequence[str], reference_hits: Mapping[str, str]) -> Iterator[MethodResult | Skipped]:
        """Measures methods, and yields each result as soon as it is ready, in any order.

        Raises:
            WorkerPoolError: a worker process died.
        """
        return self._results([self.submit(_measure, name, reference_hits) for name in names])

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
                    "a process that measured a method died (out of memory?): run the command again with a smaller "
                    "--at-once; finished work is kept"
                ) from error
