"""Estimates the remaining time of a comparison from the time that its finished tasks took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from federated.job import Job
from federated.personalization.method import Method
from thumbprint.comparison.results import Budget

_TRIAL_COST, _MEASUREMENT_COST, _SHARED_ROUND_COST = 4, 30, 1
"""The cost of testing a trial on the validation users, of measuring a method, and of a round of the shared model.

The unit is one federated round of a method on the NUS SMS corpus (docs/comparison.md has the times).
"""


def tuning_cost(method: Method, budget: Budget) -> int:
    """Estimates the cost of the trials of a method in one fold, in federated rounds."""
    return budget.trials * (_TRIAL_COST + (budget.tuning_rounds if method.local else 0))


def measurement_cost(method: Method, budget: Budget) -> int:
    """Estimates the cost of training and measuring a method in one fold, in federated rounds."""
    return (budget.rounds if method.local else 0) + _MEASUREMENT_COST


def training_cost(job: Job) -> int:
    """Estimates the cost of the shared model of a fold, in federated rounds of a method."""
    return _SHARED_ROUND_COST * job.training.rounds


class RemainingTime:
    """Estimates the remaining time. It must be notified when a task starts, ends, or is not needed."""

    def __init__(
        self,
        costs: Mapping[str, int],
        at_once: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes the estimated cost of each task, and the number of tasks done in parallel."""
        self._waiting = dict(costs)
        self._running: dict[str, tuple[int, float]] = {}
        self._at_once, self._clock = at_once, clock
        self._finished = 0
        self._cost = self._seconds = 0.0

    def skip(self, name: str) -> None:
        """Notes that a task is not needed."""
        self._waiting.pop(name, None)

    def start(self, name: str) -> None:
        """Notes that a task starts now."""
        self._running[name] = self._waiting.pop(name), self._clock()

    def finish(self, name: str) -> None:
        """Notes that a task finished now."""
        self._seconds += self._spent(name)
        self._cost += self._running.pop(name)[0]
        self._finished += 1

    def _spent(self, name: str) -> float:
        """Returns the seconds that a task took until now."""
        return self._clock() - self._running[name][1]

    def describe(self) -> str:
        """Returns how many tasks are done and, after the first one, an estimate of the remaining minutes."""
        done = f"{self._finished} of {self._finished + len(self._running) + len(self._waiting)} done"
        if not self._cost:
            return done
        pace = self._seconds / self._cost
        running = sum(max(pace * cost - self._spent(name), 0.0) for name, (cost, _) in self._running.items())
        minutes = (running + pace * sum(self._waiting.values())) / self._at_once / 60
        return f"{done}, about {max(round(minutes), 1):,} min left"
