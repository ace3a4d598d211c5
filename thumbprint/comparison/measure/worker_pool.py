"""Processes that measure methods, each with a TFF worker of its own.

A method's rounds and trials follow one another and keep hardly more than one core busy; methods do not depend
on each other.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from thumbprint.comparison.measure.device_evaluator import DeviceEvaluator, KeyPair
from thumbprint.comparison.measure.method import MethodEvaluator
from thumbprint.comparison.measure.setting import ComparisonSetup, variant
from thumbprint.comparison.measure.tff_evaluator import TffEvaluator
from thumbprint.comparison.results import REFERENCE, Budget, MethodResult, Skipped
from thumbprint.comparison.tuning import start_of
from thumbprint.console.terminal import silence_tensorflow

_LISTENING_SECONDS = 0.2

BEGUN = "begun"
"""What is first said of a method."""
Said = tuple[str, str]
"""Which method, and what is being done for it."""
Given = TypeVar("Given")


class WorkerPoolError(RuntimeError):
    """A process died; the message says what to do."""


@dataclass(frozen=True)
class WorkerConfig:
    """What a process opens its bench with.

    Attributes:
        run: The finished training of the job.
        folder: The comparison's.
        start: The job's personalization.
    """

    corpus: Path
    run: Path
    folder: Path
    min_messages: int
    start: PersonalizationConfig
    budget: Budget

    def setting(self, corpus: Corpus) -> ComparisonSetup:
        """What all methods share."""
        run = Run(self.run)
        job = run.job()
        return ComparisonSetup.of(run, FederatedData.of(corpus, job.data, job.seed), self.folder, self.min_messages)


_opening: WorkerConfig  # of this process, set as it starts
_said: SimpleQueue[Said]
_open = contextlib.ExitStack()  # until the process ends: the worker ends with it


def _start(opening: WorkerConfig, said: SimpleQueue[Said]) -> None:
    global _opening, _said
    _opening, _said = opening, said
    silence_tensorflow()


@functools.cache
def _bench() -> MethodEvaluator:
    setting = _opening.setting(_open.enter_context(Corpus.open(_opening.corpus)))
    phones = DeviceEvaluator(
        setting, KeyPair.kept_in(_opening.folder / "keys"), _opening.start, _opening.budget.test_messages
    )
    _open.enter_context(execution_context())
    return MethodEvaluator(
        setting, _opening.budget, phones, TffEvaluator(setting), lambda name, what: _said.put((name, what))
    )


def _measure(name: str, shown: Mapping[str, str]) -> MethodResult | Skipped:
    _said.put((name, BEGUN))
    base, changes = variant(name)
    try:
        return _bench().measure(name, METHODS[base], start_of(_opening.start, base, changes), shown)
    except (ExportError, JobError) as error:
        return Skipped(name=name, reason=str(error))


def _shown_by_reference() -> dict[str, str]:
    _said.put((REFERENCE, "new phones"))
    return _bench().phones.shown_by_reference()


class MethodWorkerPool(ChildProcessPool):
    """`processes` that measure methods."""

    def __init__(self, opening: WorkerConfig, processes: int, say: Callable[[str, str], None]) -> None:
        """say: called with a method and what is being done for it, as it begins."""
        self._said: SimpleQueue[Said] = multiprocessing.get_context("spawn").SimpleQueue()
        self._say = say
        super().__init__(processes, _start, opening, self._said)

    def shown_by_reference(self) -> dict[str, str]:
        """By new phone, what the shared model shows: see `Trial.personal_shown`."""
        return next(self._done([self.submit(_shown_by_reference)]))

    def measured(self, names: Sequence[str], shown: Mapping[str, str]) -> Iterator[MethodResult | Skipped]:
        """Measures each of them, and gives what came of it as it is done, in no order.

        Args:
            shown: By new phone, what the shared model shows.

        Raises:
            WorkerPoolError: a process died.
        """
        return self._done([self.submit(_measure, name, shown) for name in names])

    def _done(self, begun: Sequence[Future[Given]]) -> Iterator[Given]:
        waiting = set(begun)
        while waiting:
            done, waiting = wait(waiting, timeout=_LISTENING_SECONDS, return_when=FIRST_COMPLETED)
            while not self._said.empty():
                self._say(*self._said.get())
            try:
                yield from (one.result() for one in done)
            except BrokenProcessPool as error:
                raise WorkerPoolError(
                    "a process that measured a method died (out of memory?): what is done is kept; give the same "
                    "command again with a smaller --at-once"
                ) from error
