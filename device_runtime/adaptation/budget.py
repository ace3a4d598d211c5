"""Limits of time and memory for one adaptation, and an engine that stops the adaptation when it exceeds them.

A phone that is hot, old or busy must get its processor and memory back. The budget is checked after each
step of training or evaluation (19 ms at the shipped size), so it is exceeded by one step at most.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from device_runtime.adaptation import adapt
from device_runtime.adaptation.adapt import Adaptation, Verdict
from device_runtime.adapter.adapter import Adapter
from device_runtime.adapter.encodings import Array
from device_runtime.inference.engine import Ints, TrainingEngine
from device_runtime.manifest import ModelShape, Recipe
from keyboard_model.batching import AdaptationWindow
from keyboard_model.step_sizes import StepSizes
from keyboard_model.text.tokenizer import Tokenizer

MB = 1024 * 1024
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Budget:
    """The limits of one adaptation.

    Attributes:
        seconds: Wall time; infinite = no limit.
        bytes: Growth of the process's resident memory; infinite = no limit. It is enforced on Linux and Android only,
            because other systems do not report the memory.
    """

    seconds: float = 30.0
    bytes: float = 256.0 * MB


class OverBudgetError(ValueError):
    """An adaptation exceeded its budget; the message names the limit."""


class BudgetedEngine:
    """A `TrainingEngine` for one adaptation, which passes each call to another engine and stops at the budget."""

    def __init__(
        self, engine: TrainingEngine, budget: Budget, clock: Callable[[], float], memory: Callable[[], int]
    ) -> None:
        self._engine = engine
        self._budget = budget
        self._clock = clock
        self._memory = memory
        self._started, self._resident = clock(), memory()
        self.steps = 0

    @property
    def shape(self) -> ModelShape:
        """`Engine.shape`."""
        return self._engine.shape

    @property
    def tokenizer(self) -> Tokenizer:
        """`Engine.tokenizer`."""
        return self._engine.tokenizer

    def adapt(
        self, tokens: Ints, targets: Ints, adapter: Adapter, anchor: Adapter, rates: StepSizes
    ) -> tuple[Adapter, float]:
        """`Engine.adapt`. Raises OverBudgetError after the step that exceeds the budget."""
        trained = self._engine.adapt(tokens, targets, adapter, anchor, rates)
        self.steps += 1
        self._check()
        return trained

    def evaluate(self, tokens: Ints, targets: Ints, adapter: Adapter) -> Array:
        """`Engine.evaluate`. Raises OverBudgetError after the batch that exceeds the budget."""
        log_probs = self._engine.evaluate(tokens, targets, adapter)
        self._check()
        return log_probs

    def rest(self) -> None:
        """`Engine.rest`."""
        self._engine.rest()

    def _check(self) -> None:
        if self._clock() - self._started > self._budget.seconds:
            raise OverBudgetError(f"the adaptation took more than {self._budget.seconds:g} s")
        if self._memory() - self._resident > self._budget.bytes:
            raise OverBudgetError(f"the adaptation took more than {self._budget.bytes / MB:g} MB of memory")


def adapt_within(
    budget: Budget,
    engine: TrainingEngine,
    recipe: Recipe,
    window: AdaptationWindow,
    current: Adapter,
    starts: Sequence[Adapter],
    clock: Callable[[], float] = time.perf_counter,
) -> Adaptation:
    """Runs `adapt.adapt` within a budget. If it exceeds the budget, the old adapter stays; the verdict says why."""
    started = clock()
    budgeted = BudgetedEngine(engine, budget, clock, resident_bytes)
    try:
        return adapt.adapt(budgeted, recipe, window, current, starts)
    except OverBudgetError as error:
        engine.rest()
        reason = f"{error}: stopped after {budgeted.steps} steps"
        return Adaptation(current, Verdict(False, reason, 0, 0.0, 0.0), budgeted.steps, clock() - started)


def resident_bytes() -> int:
    """Returns the process's resident memory in bytes; 0 if the system does not report it."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
