"""How much a comparison may spend: the same for every method."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """What each method gets.

    Attributes:
        trials: Settings tried on validation users, the job's own first.
        tuning_rounds: Federated rounds of a trial, where the method has rounds.
        rounds: Federated rounds of the method that is measured.
        epochs: Passes of the centralized reference over the pooled messages.
        seen_users: Users of the training population that are measured, drawn by seed.
    """

    trials: int
    tuning_rounds: int
    rounds: int
    epochs: int
    seen_users: int


DEFAULT = Budget(trials=12, tuning_rounds=30, rounds=100, epochs=8, seen_users=1000)
QUICK = Budget(trials=3, tuning_rounds=10, rounds=30, epochs=3, seen_users=60)
