"""Who trains a phone's adapter: the phone says on what, and takes what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from device_runtime.adaptation import Adaptation
from device_runtime.adapter import Adapter
from device_runtime.budget import Budget, adapt_within
from device_runtime.engine import Engine
from device_runtime.history_strength import strength_on


class Trainer(Protocol):
    """Trains for any number of phones of one bundle. Safe to use from several threads."""

    def adapt(self, budget: Budget, messages: Sequence[str], current: Adapter) -> Adaptation:
        """See `adaptation.adapt`, of the bundle's recipe; what passes the budget is stopped."""

    def strength(self, earlier: Sequence[str], tail: Sequence[str], adapter: Adapter) -> float | None:
        """See `history_strength.strength_on`; None = it could not be found, and the one in use stays."""


class TrainerHere:
    """Trains in the thread that asks, on the engine that predicts, as a phone does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._recipe = engine.bundle.manifest.recipe

    def adapt(self, budget: Budget, messages: Sequence[str], current: Adapter) -> Adaptation:
        """See `Trainer`."""
        return adapt_within(budget, self._engine, self._recipe, messages, current, self._engine.bundle.starts)

    def strength(self, earlier: Sequence[str], tail: Sequence[str], adapter: Adapter) -> float:
        """See `Trainer`."""
        return strength_on(self._engine, self._recipe, earlier, tail, adapter)
