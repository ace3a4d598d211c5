"""What a private training guarantees, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from federated.privacy.ledger import Ledger, Participation
from federated.privacy.plan import PrivacyPlan

NEIGHBOURS = "one user's messages are there, or the user is there without any (zero-out)"
MECHANISMS = {
    "blt": "noise with buffers over the rounds (BLT-DP-FTRL, arXiv:2408.08868)",
    "tree": "noise at the nodes of trees over the rounds (DP-FTRL, arXiv:2103.00039)",
    "independent": "independent noise in every round (DP-FedAvg, arXiv:1710.06963), without amplification by sampling",
}
NOT_COVERED = (
    "the loss of each round and the validation figures in the run's folder, which its operator sees",
    "the validation users, whose messages only these figures are made of",
    "the server itself: it sees each update before it adds the noise",
    "an attack on the last bits of the noise's floating-point numbers (Mironov 2012)",
)


@dataclass(frozen=True)
class Guarantee:
    """The guarantee of a training so far.

    Attributes:
        epsilon: What is spent.
        delta: Its δ.
        rho: The same without the thresholds, as zCDP.
        budget: The ε that the training may spend.
        mechanism: The noise of the rounds, in words.
        plan: The noise of everything.
        participation: Who took part in the rounds of the shared model.
        method: Who took part in those of the personalization method.
        counts: The counts that were published (`ledger.COUNTS`).
        neighbours: What is hidden, in words.
        not_covered: What is not, in words.
    """

    epsilon: float
    delta: float
    rho: float
    budget: float
    mechanism: str
    plan: PrivacyPlan
    participation: Participation
    method: Participation
    counts: tuple[str, ...]
    neighbours: str = NEIGHBOURS
    not_covered: tuple[str, ...] = NOT_COVERED

    @classmethod
    def of(cls, ledger: Ledger) -> Guarantee:
        """Returns the guarantee of what is in a ledger: of the rounds that took place, not of those planned."""
        plan = ledger.plan
        return cls(
            epsilon=ledger.epsilon(),
            delta=plan.delta,
            rho=ledger.mu() ** 2 / 2,
            budget=plan.epsilon,
            mechanism=MECHANISMS[plan.rounds.mechanism],
            plan=plan,
            participation=ledger.participation("rounds"),
            method=ledger.participation("method"),
            counts=ledger.counts,
        )


def guarantee_of(run: Path) -> Guarantee:
    """Returns the guarantee of the training in a run's folder.

    Raises:
        LedgerError: it was not private, or its ledger is damaged.
    """
    return Guarantee.of(Ledger(run))
