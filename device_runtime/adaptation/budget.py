"""What one adaptation may take: an engine that stops it when it takes more.

A phone that is hot, old or busy must get its processor and its memory back. The budget is looked at
after each step of training or judging (6 ms at the shipped size), so it is passed by one step at most.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from device_runtime.adaptation import adapt
from device_runtime.adaptation.adapt import Adaptation
from device_runtime.adaptation.gate import Verdict
from device_runtime.adapter.adapter import Adapter, Array
from device_runtime.inference.engine import Engine, Ints, RateFields
from device_runtime.manifest import Recipe

MB = 1024 * 1024
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True)
class Budget:
    """
    Attributes:
        seconds: Wall time; infinite = as long as it takes.
        bytes: Growth of the process's resident memory; infinite = as much as it takes. Linux and Android only:
            elsewhere the system does not say it, and memory is not bounded.
    """

    seconds: float = 30.0
    bytes: float = 256.0 * MB


class OverBudgetError(ValueError):
    """An adaptation takes more than it may; the message says of what."""


class BudgetedEngine(Engine):
    """An engine for one adaptation: the loaded model of another, which it shares, under a budget."""

    def __init__(self, engine: Engine, budget: Budget, clock: Callable[[], float], memory: Callable[[], int]) -> None:
        vars(self).update(vars(engine))
        self._budget = budget
        self._clock = clock
        self._memory = memory
        self._started, self._resident = clock(), memory()
        self.steps = 0

    def adapt(
        self, tokens: Ints, targets: Ints, adapter: Adapter, anchor: Adapter, rates: RateFields
    ) -> tuple[Adapter, float]:
        """`Engine.adapt`. Raises OverBudgetError after the step that passes the budget."""
        trained = super().adapt(tokens, targets, adapter, anchor, rates)
        self.steps += 1
        self._check()
        return trained

    def evaluate(self, tokens: Ints, targets: Ints, adapter: Adapter) -> Array:
        """`Engine.evaluate`. Raises OverBudgetError after the batch that passes the budget."""
        log_probs = super().evaluate(tokens, targets, adapter)
        self._check()
        return log_probs

    def _check(self) -> None:
        if self._clock() - self._started > self._budget.seconds:
            raise OverBudgetError(f"it took more than {self._budget.seconds:g} s")
        if self._memory() - self._resident > self._budget.bytes:
            raise OverBudgetError(f"it took more than {self._budget.bytes / MB:g} MB of memory")


def adapt_within(
    budget: Budget,
    engine: Engine,
    recipe: Recipe,
    messages: Sequence[str],
    current: Adapter,
    starts: Sequence[Adapter],
    clock: Callable[[], float] = time.perf_counter,
) -> Adaptation:
    """`adapt.adapt`, stopped where it passes the budget: the old adapter stays, and the verdict says why."""
    started = clock()
    budgeted = BudgetedEngine(engine, budget, clock, resident_bytes)
    try:
        return adapt.adapt(budgeted, recipe, messages, current, starts)
    except OverBudgetError as error:
        engine.rest()
        reason = f"{error}: stopped after {budgeted.steps} of {recipe.steps} steps"
        return Adaptation(current, Verdict(False, reason, 0, 0.0, 0.0), budgeted.steps, clock() - started)


def resident_bytes() -> int:
    """The process's resident memory; 0 where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
