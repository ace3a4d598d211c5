"""How long the rest of a comparison takes, from how long the methods before took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from federated.method import Method
from thumbprint.comparison.budget import Budget

_TRIAL, _MEASURING = 4, 40
"""In federated rounds, on the NUS SMS corpus: testing the validation users of a trial, and measuring a method."""


def cost(method: Method, budget: Budget) -> int:
    """Roughly what a method costs, in federated rounds of its own."""
    tuning = budget.tuning_rounds if method.local else 0
    trials = budget.trials if method.space else 0
    return trials * (_TRIAL + tuning) + (budget.rounds if method.local else 0) + _MEASURING


class TimeLeft:
    """Tell it of each method as it is begun and as it is done; `said()` is what remains, in words."""

    def __init__(self, costs: Mapping[str, int], at_once: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: costs: by method, of all that are to be done; at_once: how many go on at a time."""
        self._waiting = dict(costs)
        self._running: dict[str, tuple[int, float]] = {}
        self._at_once, self._clock = at_once, clock
        self._methods, self._done = len(costs), 0
        self._cost = self._seconds = 0.0

    def begun(self, name: str) -> None:
        """This method is begun."""
        self._running[name] = self._waiting.pop(name), self._clock()

    def done(self, name: str) -> None:
        """This method is done."""
        cost, since = self._running.pop(name)
        self._done += 1
        self._cost += cost
        self._seconds += self._clock() - since

    def said(self) -> str:
        """How many methods are done and, once one was timed, about how long it takes to the end."""
        place = f"{self._done} of {self._methods} done"
        if not self._done:
            return place
        pace = self._seconds / self._cost
        running = sum(max(pace * cost - (self._clock() - since), 0.0) for cost, since in self._running.values())
        minutes = (running + pace * sum(self._waiting.values())) / self._at_once / 60
        return f"{place}, about {max(round(minutes), 1):,} min left"
