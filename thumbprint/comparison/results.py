"""How much a comparison may spend: the same for every method.

What all of `report.json` is made of: frozen models that refuse unknown keys, and a value with its interval.

What `thumbprint compare` measured: a row a user and method, and what each method costs (docs/comparison.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from device_runtime.simulation.report import CorpusInfo
from keyboard_model.metrics import WordCounts

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


class Frozen(BaseModel):
    """Strict: nothing is coerced, no unknown key, no NaN (JSON has none)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=())


class Estimate(Frozen):
    """A figure and its 95 % interval; `low` and `high` are null where too few users were measured for one."""

    value: float
    low: float | None
    high: float | None


REFERENCE = "global_only"
"""The method that all others are held against."""

Group = Literal["seen", "new_phone"]
"""`seen`: users in training, on messages kept back; `new_phone`: users that training never saw."""

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]
Setting = str | bool | int | float | None
Share = Annotated[float, Field(ge=0, le=1)]


class ClientResult(Frozen):
    """One method on one user's held-out words; counts as in `keyboard_model.metrics.WordCounts`.

    Attributes:
        messages: All of the user's, learnt from and tested.
        characters: 0 where keystrokes were not measured.
        gained: Words among this method's 3 that were not among `global_only`'s; None when the two were not compared
            word by word.
        lost: The reverse.
        shared_hits_at_3: Of the shared model measured by the same means, where these are not `global_only`'s (TFF
            counts a word spelt in several pieces as missed, a phone spells it); None: those of `global_only`'s row.
    """

    user_id: str
    group: Group
    messages: NonNegativeInt
    words: NonNegativeInt
    hits_at_1: NonNegativeInt
    hits_at_3: NonNegativeInt
    characters: NonNegativeInt = 0
    characters_saved: NonNegativeInt = 0
    gained: NonNegativeInt | None = None
    lost: NonNegativeInt | None = None
    shared_hits_at_3: NonNegativeInt | None = None

    @property
    def counts(self) -> WordCounts:
        return WordCounts(self.words, self.hits_at_1, self.hits_at_3, self.characters, self.characters_saved)

    @model_validator(mode="after")
    def _counts_are_possible(self) -> ClientResult:
        if not self.hits_at_1 <= self.hits_at_3 <= self.words:
            raise ValueError(f"user {self.user_id}: hits_at_1 <= hits_at_3 <= words does not hold")
        if self.characters_saved > self.characters:
            raise ValueError(f"user {self.user_id}: more characters saved than there are")
        if (self.gained is None) != (self.lost is None):
            raise ValueError(f"user {self.user_id}: gained and lost are known together or not at all")
        if (self.shared_hits_at_3 or 0) > self.words:
            raise ValueError(f"user {self.user_id}: shared_hits_at_3 are more than words")
        return self


class CurvePoint(Frozen):
    """How good the shared model was on validation users after so many rounds; `bytes` up and down of all till then."""

    round: NonNegativeInt
    bytes: NonNegativeInt
    recall_at_3: Share


class Communication(Frozen):
    """What training sends. `bytes_up_a_round`, `bytes_down_a_round`: of one client in one round of its cohort.

    `bytes_per_client`: in all rounds, mean over the clients of the training population; `bytes_total`: of all of them.
    """

    bytes_up_a_round: NonNegativeInt
    bytes_down_a_round: NonNegativeInt
    rounds: NonNegativeInt
    cohort: NonNegativeInt
    bytes_per_client: Annotated[float, Field(ge=0)]
    bytes_total: NonNegativeInt
    curve: Many[CurvePoint] = ()


class StoredAs(Frozen):
    """A user's adapter in one form: its bytes over users, and the mean recall_at_3 that is left of it."""

    form: Literal["fp32", "fp16", "int8", "sparse_bias"]
    bytes_p50: NonNegativeInt
    bytes_max: NonNegativeInt
    recall_at_3: Share


class ScarcityPoint(Frozen):
    """After the first `messages_seen` messages of each of `users`: mean gain in recall_at_3, and mean recall_at_3."""

    messages_seen: NonNegativeInt
    users: NonNegativeInt
    gain: Estimate
    recall_at_3: Share


class DriftPoint(Frozen):
    """After K local steps: mean change of recall_at_3 against K = 0, on the user's own text and on other users'."""

    steps: NonNegativeInt
    own_gain: float
    others_change: float


class MethodResult(Frozen):
    """One method, tuned and measured. A variant is named `base+what`, such as `fine_tuning+q1`.

    Attributes:
        where: What measured its new phones: the exported bundle on the simulated phone, or TFF.
        on_device: Whether a phone can run it; a reference such as `centralized` cannot ship.
        settings: What the trials chose.
        trials: Settings tried on validation users.
        communication: None when no model is ever sent.
    """

    name: str
    paper: str
    where: Literal["phone", "tff"]
    on_device: bool
    settings: dict[str, Setting]
    trials: NonNegativeInt
    clients: Many[ClientResult]
    communication: Communication | None = None
    storage: Many[StoredAs] = ()
    scarcity: Many[ScarcityPoint] = ()
    drift: Many[DriftPoint] = ()

    @property
    def base(self) -> str:
        """The method that this one is a variant of; its own name when it is none."""
        return self.name.partition("+")[0]

    @model_validator(mode="after")
    def _users_once(self) -> MethodResult:
        if len({row.user_id for row in self.clients}) < len(self.clients):
            raise ValueError(f"{self.name} has two rows of one user")
        return self


class Skipped(Frozen):
    """A method that has no figures, and why."""

    name: str
    reason: str


class Comparison(Frozen):
    """All that was measured. Users with fewer than `min_messages` messages, or no word to test, enter no figure.

    `profiles`: each user's attributes by user id, None where unknown; users without any may be missing.
    """

    corpus: CorpusInfo
    seed: NonNegativeInt
    min_messages: NonNegativeInt
    budget: Budget
    methods: Many[MethodResult]
    skipped: Many[Skipped] = ()
    profiles: dict[str, dict[str, str | None]] = Field(default_factory=dict)

    def method(self, name: str) -> MethodResult | None:
        return next((method for method in self.methods if method.name == name), None)

    @model_validator(mode="after")
    def _is_fair(self) -> Comparison:
        """The same words of the same users, or else a difference says nothing about the methods."""
        names = [method.name for method in self.methods] + [skipped.name for skipped in self.skipped]
        if len(set(names)) < len(names):
            raise ValueError("a method is listed twice")
        reference = self.method(REFERENCE)
        shared = {row.user_id: row for row in reference.clients} if reference else {}
        for method in self.methods:
            for row in method.clients:
                _check_pair(method.name, row, shared.get(row.user_id))
        return self


def _check_pair(name: str, row: ClientResult, shared: ClientResult | None) -> None:
    if shared is None:
        return
    who = f"{name}, user {row.user_id}"
    if (row.group, row.messages) != (shared.group, shared.messages):
        raise ValueError(f"{who}: group and messages are not those of {REFERENCE}")
    if row.gained is None or row.lost is None:
        return
    if row.words != shared.words:
        raise ValueError(f"{who}: {row.words} words, {REFERENCE} was asked for {shared.words}: not the same test")
    hits = shared.hits_at_3 if row.shared_hits_at_3 is None else row.shared_hits_at_3
    if row.hits_at_3 - hits != row.gained - row.lost:
        raise ValueError(f"{who}: gained - lost is not the difference of hits_at_3 to the shared model")
