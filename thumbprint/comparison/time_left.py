"""How long the rest of a comparison takes, from how long the methods before took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

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
    """Tell it of each method as it is done; `said()` is what remains, in words."""

    def __init__(self, costs: Sequence[int], clock: Callable[[], float] = time.monotonic) -> None:
        """costs: of the methods to be done, in order."""
        self._costs, self._clock = costs, clock
        self._ended = [clock()]

    def done(self) -> None:
        """One method more is done."""
        self._ended.append(self._clock())

    def said(self) -> str:
        """Which of how many methods is next and, once a method was timed, about how long it takes to the end."""
        done = len(self._ended) - 1
        place = f"method {done + 1} of {len(self._costs)}"
        if not done:
            return place
        pace = (self._ended[-1] - self._ended[0]) / sum(self._costs[:done])
        now = max(pace * self._costs[done] - (self._clock() - self._ended[-1]), 0.0)
        minutes = (now + pace * sum(self._costs[done + 1 :])) / 60
        return f"{place}, about {max(round(minutes), 1):,} min left"
