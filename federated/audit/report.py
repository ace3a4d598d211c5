"""What an attack found out about the invented users of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federated.audit.attack import Floats, scores
from federated.audit.bounds import epsilon_above
from federated.audit.canaries import AuditError, Canary
from federated.data.federated_data import FederatedData
from federated.privacy.guarantee import guarantee_of
from federated.run import Run

LEAST_CANARIES = 10
_SHARES = (0.1, 0.3, 1.0)
"""Shares of the coins that are guessed; the bound is that of the best of them, with a third of the error for each."""
_CONFIDENCE, _DRAWS = 0.95, 2000


@dataclass(frozen=True)
class Audit:
    """The result.

    Attributes:
        members: Invented users in training who typed their sentences.
        others: Those who did not.
        epsilon_above: The training exceeds this ε, with 95 % confidence; 0 = nothing is proved.
        advantage: 2·AUC − 1 of the attack: 0 = it knows nothing, 1 = it tells all of them apart.
        advantage_low, advantage_high: Its 95 % interval, users drawn.
        exposure: Mean exposure of the members' sentences in bits, by their rank among the others' (Carlini et al.
            2019): 1 is chance if there are many others, log2 of their number the most.
        words: Members whose made-up word is a piece of the vocabulary.
        epsilon: What the training claims; None = nothing.
        delta: Its δ; None = nothing.
    """

    members: int
    others: int
    epsilon_above: float
    advantage: float
    advantage_low: float
    advantage_high: float
    exposure: float
    words: int
    epsilon: float | None
    delta: float | None


def audit(run: Run, clients: FederatedData, canaries: Sequence[Canary]) -> Audit:
    """Attacks a finished run.

    Args:
        run: The run, of a corpus with these canaries.
        clients: Its users. Invented users who are not in training are left out.
        canaries: All invented users.

    Raises:
        AuditError: there are too few of them.
        RunError: the run is not finished.
        LedgerError: the run is private, and its ledger is damaged.
    """
    training = set(clients.population.training)
    known = [canary for canary in canaries if canary.user_id in training]
    included = np.array([canary.included for canary in known], bool)
    if min(included.sum(), (~included).sum()) < LEAST_CANARIES:
        raise AuditError(
            f"only {included.sum()} invented users in training typed their sentences, and {(~included).sum()} did "
            "not: prepare more with --canaries"
        )
    claimed = guarantee_of(run.path) if run.job().privacy else None
    found = scores(run, [canary.text for canary in known])
    advantage, low, high = _advantage(found, included)
    tokenizer = run.tokenizer()
    return Audit(
        members=int(included.sum()),
        others=int((~included).sum()),
        epsilon_above=_lower_bound(found, included, claimed.delta if claimed else 0.0),
        advantage=advantage,
        advantage_low=low,
        advantage_high=high,
        exposure=_exposure(found, included),
        words=sum(canary.included and len(tokenizer.encode_word(canary.made_up)) == 1 for canary in known),
        epsilon=claimed.epsilon if claimed else None,
        delta=claimed.delta if claimed else None,
    )


def _lower_bound(found: Floats, included: npt.NDArray[np.bool_], delta: float) -> float:
    order = np.argsort(-found, kind="stable")
    bounds = []
    for share in _SHARES:
        guesses = max(int(share * len(found) / 2), 1)
        right = int(included[order[:guesses]].sum() + (~included[order[-guesses:]]).sum())
        confidence = 1 - (1 - _CONFIDENCE) / len(_SHARES)
        bounds.append(epsilon_above(len(found), 2 * guesses, right, delta, confidence))
    return max(bounds)


def _advantage(found: Floats, included: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    random = np.random.default_rng(0)
    members, others = found[included], found[~included]
    drawn = [_auc(random.choice(members, len(members)), random.choice(others, len(others))) for _ in range(_DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return 2 * _auc(members, others) - 1, float(2 * low - 1), float(2 * high - 1)


def _auc(members: Floats, others: Floats) -> float:
    others = np.sort(others)
    below = others.searchsorted(members, "left") + others.searchsorted(members, "right")
    return float(below.mean() / (2 * len(others)))


def _exposure(found: Floats, included: npt.NDArray[np.bool_]) -> float:
    others = np.sort(found[~included])
    ranks = 1 + len(others) - others.searchsorted(found[included], "left")
    return float(np.log2(len(others) + 1) - np.log2(ranks).mean())
