"""How a training run ended: the content of `summary.json`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended. `stopped_by`: rounds, patience, minutes, or a callback's own reason.

    `best_round` is 0 and `best_recall` None where no validation took place; `seconds` are of the whole run,
    `tokens_per_second` of the rounds of its last session.
    """

    rounds: int
    best_round: int
    best_recall: float | None
    stopped_by: str
    broken_clients: int
    seconds: float
    tokens_per_second: float
