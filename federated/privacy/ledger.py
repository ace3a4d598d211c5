"""The ledger of a private training: what its budget is, which counts were published, and who took part in which round.

An entry is written, and on disk, before what it stands for is published. A training that is killed at any moment
therefore has at most one entry of something that did not take place, and none that is missing. It repeats the counts
and the rounds since its last checkpoint with the same clients and the same noise, which publishes nothing new.
"""

from __future__ import annotations

import contextlib
import json
import math
import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from federated.privacy.plan import CountPlan, NoisePlan, PrivacyPlan, Seed
from keyboard_model.storage.durable_files import AppendLog, atomic_write_private, erase, fsync_path

_LEDGER, _SEED = "ledger.jsonl", "noise.seed"
_SEED_BYTES = 16
COUNTS, ROUNDS = ("words", "ngrams"), ("rounds", "method")
"""The counts and the kinds of rounds that a training can publish, by their names in the plan."""
_NEVER = int(np.iinfo(np.int32).max)


class LedgerError(ValueError):
    """The ledger of a private training is damaged, missing, or does not permit another round."""


@dataclass(frozen=True)
class Participation:
    """Who took part in one kind of rounds.

    Attributes:
        rounds: Rounds in the ledger.
        participants: Clients that took part.
        turns: Most rounds of a client.
        separation: Least distance of two rounds of a client; `rounds` if none has two.
    """

    rounds: int
    participants: int
    turns: int
    separation: int


class Ledger:
    """The ledger of a run. One process at a time may use it."""

    def __init__(self, run: Path, plan: PrivacyPlan | None = None) -> None:
        """Opens the ledger, or begins it with `plan`.

        Args:
            run: The folder of the run.
            plan: The plan of a new ledger; an existing one keeps its own.

        Raises:
            LedgerError: the ledger is damaged, or there is none and no plan.
        """
        self._folder = folder = run / "privacy"
        path = folder / _LEDGER
        if not path.exists() and plan is None:
            raise LedgerError(f"{run} has no ledger of privacy: its training was not private, or has not begun")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.closing(AppendLog(path, LedgerError)) as log:
            lines = [line for _, line in log.lines()]
            if not lines and plan is not None:
                atomic_write_private(folder / _SEED, secrets.token_bytes(_SEED_BYTES))  # a ledger has its secret first
                lines = [plan.model_dump_json().encode()]
                log.append(lines[0])
        try:
            self.plan = PrivacyPlan.model_validate_json(lines[0])
            entries = [_entry(line, self.plan) for line in lines[1:]]
        except (AttributeError, IndexError, ValueError, TypeError, OverflowError) as error:
            raise LedgerError(
                f"{path} is damaged, so it is unknown what the training spent: restore it, or train in another --run"
            ) from error
        self._seed = _read_seed(folder / _SEED)
        self._turns = {kind: _Turns(self.plan.population) for kind in ROUNDS}
        self._counts: list[str] = []
        for entry in entries:
            self._count(*entry)

    @property
    def seed(self) -> Seed:
        """The secret of the noise; zeros if it was erased, and then `spend` permits no round."""
        return self._seed or (0, 0)

    def spend(self, kind: str, round_number: int, cohort: npt.NDArray[np.int64]) -> None:
        """Enters a round. One that is there already is repeated, and costs nothing.

        Args:
            kind: One of `ROUNDS` that the plan has.
            round_number: Number of the round, from 1.
            cohort: Positions of its clients.

        Raises:
            LedgerError: a repeated round has other clients than before, a round was left out, the round would exceed
                the plan's limits of participation, the secret of the noise is lost, or the ledger cannot be written.
        """
        plan, turns = getattr(self.plan, kind), self._turns[kind]
        if plan is None:
            raise LedgerError("the budget of this run has no share for the rounds of a method: train in another --run")
        self._require_seed()
        if round_number <= len(turns.cohorts):
            if not np.array_equal(turns.cohorts[round_number - 1], cohort):
                raise LedgerError(
                    f"round {round_number} took place with other clients before: resume the run with the same corpus"
                )
            return
        if round_number != len(turns.cohorts) + 1:
            raise LedgerError(f"{self._folder / _LEDGER} lacks the rounds before {round_number}: restore it")
        most = int(turns.turns[cohort].max(initial=0)) + 1
        if most > plan.turns or turns.distance(cohort) < plan.separation or round_number > plan.rounds:
            raise LedgerError(
                f"round {round_number} would exceed what the guarantee assumes: at most {plan.turns} rounds of a "
                f"client, {plan.separation} apart, and {plan.rounds} rounds in all"
            )
        self._enter(kind, cohort)

    def spend_counts(self, counts: str) -> None:
        """Enters counts, one of `COUNTS` that the plan has. Those that are there already are repeated for nothing.

        Raises:
            ValueError: the plan does not have them.
            LedgerError: the secret of the noise is lost, or the ledger cannot be written.
        """
        _planned(self.plan, counts)
        self._require_seed()
        if counts not in self._counts:
            self._enter(counts)

    @property
    def counts(self) -> tuple[str, ...]:
        """The counts so far, of `COUNTS`."""
        return tuple(self._counts)

    def participation(self, kind: str = "rounds") -> Participation:
        """Returns who took part so far in one of `ROUNDS`."""
        return self._turns[kind].participation

    def mu(self) -> float:
        """Returns the μ of everything that took place."""
        parts = [plan.mu for counts in self._counts if isinstance(plan := _planned(self.plan, counts), CountPlan)]
        for kind in ROUNDS:
            spent = self.participation(kind)
            if spent.rounds and isinstance(plan := _planned(self.plan, kind), NoisePlan):
                parts.append(plan.mu(spent.rounds, spent.turns, spent.separation))
        return math.hypot(*parts)

    def epsilon(self) -> float:
        """Returns what is spent: ε at the plan's δ."""
        return self.plan.epsilon_of(self.mu())

    def finish(self) -> None:
        """Erases the secret of the noise: the training is over."""
        erase(self._folder / _SEED)
        fsync_path(self._folder)

    def _require_seed(self) -> None:
        if self._seed is None:
            raise LedgerError(
                f"{self._folder / _SEED} is missing or damaged: with other noise, something would be published twice. "
                "Restore it, or train in another --run"
            )

    def _enter(self, name: str, cohort: npt.NDArray[np.int64] | None = None) -> None:
        content = {name: None if cohort is None else cohort.tolist()}
        with contextlib.closing(AppendLog(self._folder / _LEDGER, LedgerError)) as log:
            log.append(json.dumps(content).encode())
        self._count(name, cohort)

    def _count(self, name: str, cohort: npt.NDArray[np.int64] | None) -> None:
        if cohort is None:
            self._counts.append(name)
        else:
            self._turns[name].add(cohort)


class _Turns:
    """Who had a turn in which round of one kind."""

    def __init__(self, population: int) -> None:
        self.cohorts: list[npt.NDArray[np.int64]] = []
        self.turns = np.zeros(population, np.int32)
        self._newest = np.zeros(population, np.int32)  # the round of the last turn; 0 = none
        self._separation = _NEVER

    def add(self, cohort: npt.NDArray[np.int64]) -> None:
        self._separation = min(self._separation, self.distance(cohort))
        self.cohorts.append(cohort)
        self.turns[cohort] += 1
        self._newest[cohort] = len(self.cohorts)

    def distance(self, cohort: npt.NDArray[np.int64]) -> int:
        """Returns the least distance of the next round to the last turn of one of these clients."""
        newest = self._newest[cohort]
        return int((len(self.cohorts) + 1 - newest[newest > 0]).min(initial=_NEVER))

    @property
    def participation(self) -> Participation:
        rounds = len(self.cohorts)
        return Participation(
            rounds=rounds,
            participants=int(np.count_nonzero(self.turns)),
            turns=int(self.turns.max(initial=0)),
            separation=max(rounds, 1) if self._separation == _NEVER else self._separation,
        )


def _planned(plan: PrivacyPlan, name: str) -> NoisePlan | CountPlan:
    found: NoisePlan | CountPlan | None = getattr(plan, name) if name in (*COUNTS, *ROUNDS) else None
    if found is None:
        raise ValueError(f"the plan has no {name}")
    return found


def _entry(line: bytes, plan: PrivacyPlan) -> tuple[str, npt.NDArray[np.int64] | None]:
    ((name, content),) = json.loads(line).items()
    _planned(plan, name)
    if (content is None) != (name in COUNTS):
        raise ValueError("counts have no cohort, and rounds have one")
    if content is None:
        return name, None
    cohort = np.array(content, np.int64)
    if cohort.ndim != 1 or not np.all((cohort >= 0) & (cohort < plan.population)):
        raise ValueError("a round is not a list of clients")
    return name, cohort


def _read_seed(path: Path) -> Seed | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if len(content) != _SEED_BYTES:
        return None
    one, other = (int.from_bytes(part, "big") >> 1 for part in (content[:8], content[8:]))
    return one, other
