"""Trains the adapters of phones, in the calling thread or in a child process with lower priority.

A service that must answer while it trains uses the child process. In a single process, a training thread holds the
Python interpreter for 5 ms at a time, and a prediction waits for it after each of its dozen model steps. At 500
predictions and 0.45 adaptations a second, the median prediction waited 174 ms.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from typing import ParamSpec, Protocol, TypeVar

from device_runtime.adaptation.adapt import Adaptation, Verdict
from device_runtime.adaptation.budget import Budget, adapt_within
from device_runtime.adaptation.ngram_weight import choose_ngram_weight
from device_runtime.adapter.adapter import Adapter
from device_runtime.bundle.loader import Bundle
from device_runtime.inference.engine import Engine
from keyboard_model.batching import AdaptationWindow
from keyboard_model.storage.child_processes import ChildProcessPool


class Trainer(Protocol):
    """Trains for any number of phones of one bundle. Safe to use from several threads."""

    def adapt(self, budget: Budget, window: AdaptationWindow, current: Adapter) -> Adaptation:
        """Adapts with the bundle's recipe, within a budget; see `budget.adapt_within`."""

    def strength(self, window: AdaptationWindow, adapter: Adapter) -> float | None:
        """Chooses the n-gram weight; see `ngram_weight`. None = the process died, so the current weight stays."""


class InProcessTrainer:
    """Trains as a phone does: in the calling thread, on the engine that also predicts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._recipe = engine.bundle.manifest.recipe

    def adapt(self, budget: Budget, window: AdaptationWindow, current: Adapter) -> Adaptation:
        """See `Trainer`."""
        return adapt_within(budget, self._engine, self._recipe, window, current, self._engine.bundle.starts)

    def strength(self, window: AdaptationWindow, adapter: Adapter) -> float:
        """See `Trainer`."""
        return choose_ngram_weight(self._engine, self._recipe, window, adapter)


NICENESS = 10
"""On one shared core, prediction gets nine tenths of the time."""
IDLE_SECONDS = 20.0
"""The process ends after being idle for so long, because its 100 MB are needed only briefly each day."""
PATIENCE_SECONDS = 90.0
"""How long a call may take, the start of the process included. A process that hangs longer is killed. A budget ends a
running adaptation much earlier."""
_KILLED = "the training was interrupted: its process was killed, perhaps because memory ran out or it hung"

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_trainer: InProcessTrainer  # in the child process only, which sets it when it starts


def _start(bundle: Bundle) -> None:
    global _trainer
    # SIGTERM goes to the whole process group; a running adaptation still finishes.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    _trainer = InProcessTrainer(Engine(bundle, num_threads=1))


def _adapt(budget: Budget, window: AdaptationWindow, current: Adapter) -> Adaptation:
    return _trainer.adapt(budget, window, current)


def _strength(window: AdaptationWindow, adapter: Adapter) -> float:
    return _trainer.strength(window, adapter)


class SubprocessTrainer:
    """A `Trainer` in a child process, which starts on demand and ends when idle, or with its parent.

    It serves one call at a time.
    """

    def __init__(self, bundle: Bundle, idle_seconds: float = IDLE_SECONDS, patience: float = PATIENCE_SECONDS) -> None:
        self._bundle = bundle
        self._patience = patience
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._process: ChildProcessPool | None = None
        self._ending = ExitStack()
        self._timer: threading.Timer | None = None

    def adapt(self, budget: Budget, window: AdaptationWindow, current: Adapter) -> Adaptation:
        """See `Trainer`. If the process is killed, the old adapter stays, and the verdict says so."""
        try:
            return self._call(_adapt, budget, window, current)
        except BrokenProcessPool:
            return Adaptation(current, Verdict(False, _KILLED, 0, 0.0, 0.0), 0, 0.0)

    def strength(self, window: AdaptationWindow, adapter: Adapter) -> float | None:
        """See `Trainer`."""
        try:
            return self._call(_strength, window, adapter)
        except BrokenProcessPool:
            return None

    def rest(self) -> None:
        """Ends the process, after the call in progress; the next call starts another."""
        with self._lock:
            self._end()

    def stop(self) -> None:
        """Ends the process at once. A call in progress ends as if the process had been killed."""
        process = self._process
        if process is not None:
            process.kill()
        self.rest()

    def _call(
        self, call: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
    ) -> _Result:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if self._process is None:
                self._process = self._ending.enter_context(ChildProcessPool(1, _start, self._bundle))
            try:
                return self._process.submit(call, *args, **kwargs).result(self._patience)
            except TimeoutError as error:
                self._process.kill()
                self._end()
                raise BrokenProcessPool("the process did not answer in time") from error
            except BrokenProcessPool:
                self._end()
                raise
            finally:
                self._rest_later()

    def _rest_later(self) -> None:
        self._timer = threading.Timer(self._idle_seconds, self.rest)
        self._timer.daemon = True
        self._timer.start()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._process = None
        self._ending.close()
