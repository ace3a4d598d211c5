"""How much a comparison may spend: the same for every method."""

from __future__ import annotations

from dataclasses import dataclass

ENOUGH = 100
"""Messages of a user that test what is drawn beside the main figures (scarcity, drift, storage).

Every user counts once in a mean: of 22 new phones on the NUS SMS corpus two hold 60 % of the words, so that this leaves
out three quarters of the work and hardly any of what is known.
"""


@dataclass(frozen=True)
class Budget:
    """What each method gets.

    Attributes:
        trials: Settings tried on validation users, the job's own first.
        tuning_rounds: Federated rounds of a trial, where the method has rounds.
        rounds: Federated rounds of the method that is measured.
        epochs: Passes of the centralized reference over the pooled messages.
        seen_users: Users of the training population that are measured, drawn by seed.
        test_messages: Messages of a user that test, the first of those kept back; None = all of them.
        beside: Whether scarcity, drift and storage are measured too.
    """

    trials: int
    tuning_rounds: int
    rounds: int
    epochs: int
    seen_users: int
    test_messages: int | None = None
    beside: bool = True


DEFAULT = Budget(trials=10, tuning_rounds=12, rounds=60, epochs=8, seen_users=1000, test_messages=300)
"""All 17 rows on the NUS SMS corpus took 91 minutes on 2 cores, with other work beside, on a trained shared model."""
QUICK = Budget(trials=2, tuning_rounds=4, rounds=12, epochs=2, seen_users=20, test_messages=ENOUGH)
"""A preview: the same in 24 minutes, another training beside for ten of them."""
