"""What `thumbprint compare` measured: one row per user and method, and the costs of each method (docs/comparison.md).

Also the budget, which is the same for every method. All models are frozen and reject unknown keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from device_runtime.simulation.report import CorpusInfo
from keyboard_model.metrics import Estimate, WordCounts

COST_TEST_MESSAGES = 100
"""Number of messages of a user on which scarcity, drift and storage are tested.

Every user counts once in a mean. On the NUS SMS corpus, 2 of 22 new phones have 60 % of the words. The limit therefore
saves three quarters of the work at little loss of precision.
"""


@dataclass(frozen=True)
class Budget:
    """The budget of each method.

    Attributes:
        folds: Number of folds by user, each with its own shared model. Each user is a new phone once. 1 = the job's own
            split.
        shared_rounds: Most federated rounds of a shared model that the comparison trains; None = those of the job.
        trials: Number of settings tried on validation users. The job's own settings are the first.
        tuning_rounds: Federated rounds of a trial, for methods with rounds.
        rounds: Federated rounds of the final training.
        epochs: Passes of the centralized reference over all messages.
        seen_users: Most training users that are measured in a fold.
        test_messages: Most messages of a user that are tested, oldest first; None = all. Also of a validation user.
        beside: Whether scarcity, drift and storage are measured too, in the first fold.
    """

    trials: int
    tuning_rounds: int
    rounds: int
    epochs: int
    seen_users: int
    test_messages: int | None = None
    beside: bool = True
    folds: int = 1
    shared_rounds: int | None = None


DEFAULT = Budget(
    trials=4, tuning_rounds=4, rounds=20, epochs=8, seen_users=1000, test_messages=300, beside=True, folds=5
)
"""Less than 5 hours on the NUS SMS corpus and 2 cores; docs/comparison.md has the times of its parts."""
QUICK = Budget(
    trials=2, tuning_rounds=2, rounds=8, epochs=2, seen_users=10, test_messages=60, beside=False, shared_rounds=240
)
"""A preview of one fold: 19 minutes on the NUS SMS corpus and 2 cores, 15 with a trained shared model."""


class Frozen(BaseModel):
    """A strict model: no coercion of values, no unknown keys, no NaN (JSON does not have it)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=())


REFERENCE = "global_only"
"""The method that all others are compared with: the shared model without personalization."""

Group = Literal["seen", "new_phone"]
"""`seen`: training users, tested on held-out messages; `new_phone`: users that took no part in training."""

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]
Setting = str | bool | int | float | None
Share = Annotated[float, Field(ge=0, le=1)]


class ClientResult(Frozen):
    """One method on one user's held-out words. Counts are defined in `keyboard_model.metrics.WordCounts`.

    Attributes:
        messages: All messages of the user, both learned from and tested.
        characters: 0 if keystrokes were not measured.
        taps: Taps on suggestions that saved the characters.
        gained: Number of words that this method showed and `global_only` did not; None if the two were not compared
            word by word.
        lost: The reverse.
        prequential_hits_at_3: Hits of a phone that counts each message after its test; None if this was not tested.
        shared_hits_at_3: Hits of the shared model in the same kind of measurement, if this differs from that of
            `global_only`: TFF counts a word of several pieces as missed, while a phone can spell it. None: the hits
            in the row of `global_only`.
    """

    user_id: str
    group: Group
    messages: NonNegativeInt
    words: NonNegativeInt
    hits_at_1: NonNegativeInt
    hits_at_3: NonNegativeInt
    characters: NonNegativeInt = 0
    characters_saved: NonNegativeInt = 0
    taps: NonNegativeInt = 0
    gained: NonNegativeInt | None = None
    lost: NonNegativeInt | None = None
    prequential_hits_at_3: NonNegativeInt | None = None
    shared_hits_at_3: NonNegativeInt | None = None

    @property
    def counts(self) -> WordCounts:
        return WordCounts(self.words, self.hits_at_1, self.hits_at_3, self.characters, self.characters_saved, self.taps)

    @property
    def prequential_recall(self) -> float | None:
        """Recall_at_3 of a phone that counts each message after its test; None if this was not tested."""
        return (
            self.prequential_hits_at_3 / self.words if self.prequential_hits_at_3 is not None and self.words else None
        )

    @model_validator(mode="after")
    def _counts_are_possible(self) -> ClientResult:
        if not self.hits_at_1 <= self.hits_at_3 <= self.words:
            raise ValueError(f"user {self.user_id}: hits_at_1 <= hits_at_3 <= words does not hold")
        if self.characters_saved > self.characters:
            raise ValueError(f"user {self.user_id}: more characters are saved than there are")
        if not self.taps <= self.characters_saved or (self.characters_saved and not self.taps):
            raise ValueError(f"user {self.user_id}: {self.characters_saved} characters cannot take {self.taps} taps")
        if (self.gained is None) != (self.lost is None):
            raise ValueError(f"user {self.user_id}: gained and lost must be known together or not at all")
        for name in ("prequential_hits_at_3", "shared_hits_at_3"):
            if (getattr(self, name) or 0) > self.words:
                raise ValueError(f"user {self.user_id}: {name} is more than words")
        return self


class CurvePoint(Frozen):
    """Recall of the shared model on validation users after a round. `bytes`: up and down, all clients, until then."""

    round: NonNegativeInt
    bytes: NonNegativeInt
    recall_at_3: Share


class Communication(Frozen):
    """What training sends.

    Attributes:
        bytes_up_a_round, bytes_down_a_round: Of one client of the cohort in one round.
        cohort: Clients per round.
        bytes_per_client: In all rounds, mean over the clients of the training population.
        bytes_total: In all rounds, all clients.
    """

    bytes_up_a_round: NonNegativeInt
    bytes_down_a_round: NonNegativeInt
    rounds: NonNegativeInt
    cohort: NonNegativeInt
    bytes_per_client: Annotated[float, Field(ge=0)]
    bytes_total: NonNegativeInt
    curve: Many[CurvePoint] = ()


class StoredAs(Frozen):
    """Adapters in one form: their bytes over users, and the mean recall_at_3 with them."""

    form: Literal["fp32", "fp16", "int8", "sparse_bias"]
    bytes_p50: NonNegativeInt
    bytes_max: NonNegativeInt
    recall_at_3: Share


class ScarcityPoint(Frozen):
    """Mean gain in recall_at_3 and mean recall_at_3 over `users` users, each after `messages_seen` messages."""

    messages_seen: NonNegativeInt
    users: NonNegativeInt
    gain: Estimate
    recall_at_3: Share


class DriftPoint(Frozen):
    """Mean change of recall_at_3 from 0 to K local steps, on the user's own text and on other users' text."""

    steps: NonNegativeInt
    own_gain: Estimate
    others_change: Estimate


class MethodResult(Frozen):
    """One tuned and measured method. A variant is named `base+what`, such as `fine_tuning+q1`.

    Attributes:
        where: How its new phones were measured: with the exported bundle on simulated phones, or in TFF.
        on_device: Whether a phone can run it. A reference such as `centralized` cannot ship.
        seen_where: The same for its users in training. In TFF, they start from the state that they kept after the
            rounds. On simulated phones, which mix in the owner's own n-grams, there is no such state.
        settings: The settings that the trials chose, in the first fold.
        settings_by_fold: The same in each fold.
        trials: Number of settings tried on validation users.
        communication: None if no model is ever sent.
    """

    name: str
    paper: str
    where: Literal["phone", "tff"]
    seen_where: Literal["phone", "tff"] = "tff"
    on_device: bool
    settings: dict[str, Setting]
    settings_by_fold: Many[dict[str, Setting]] = ()
    trials: NonNegativeInt
    clients: Many[ClientResult]
    communication: Communication | None = None
    storage: Many[StoredAs] = ()
    scarcity: Many[ScarcityPoint] = ()
    drift: Many[DriftPoint] = ()

    @property
    def base(self) -> str:
        """The method that this one is a variant of; its own name if it is not a variant."""
        return self.name.partition("+")[0]

    @model_validator(mode="after")
    def _users_once(self) -> MethodResult:
        if len({(row.user_id, row.group) for row in self.clients}) < len(self.clients):
            raise ValueError(f"{self.name} has two rows of one user in the same group")
        return self


class Skipped(Frozen):
    """A method without figures, and the reason."""

    name: str
    reason: str


class Comparison(Frozen):
    """All measurements. Users with fewer than `min_messages` messages or no word to test count in no figure.

    `profiles`: attributes of each user by user id, None if unknown. Users without attributes can be missing.
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
        """Checks that all methods were measured on the same words of the same users, so that they are comparable."""
        names = [method.name for method in self.methods] + [skipped.name for skipped in self.skipped]
        if len(set(names)) < len(names):
            raise ValueError("a method is listed twice")
        reference = self.method(REFERENCE)
        shared = {(row.user_id, row.group): row for row in reference.clients} if reference else {}
        for method in self.methods:
            for row in method.clients:
                _check_pair(method.name, row, shared.get((row.user_id, row.group)))
        return self


def _check_pair(name: str, row: ClientResult, shared: ClientResult | None) -> None:
    if shared is None:
        return
    place = f"{name}, user {row.user_id}"
    if row.messages != shared.messages:
        raise ValueError(f"{place}: the number of messages is not that of {REFERENCE}")
    if row.gained is None or row.lost is None:
        return
    if row.words != shared.words:
        raise ValueError(f"{place}: {row.words} words, but {shared.words} under {REFERENCE}: not the same test")
    hits = shared.hits_at_3 if row.shared_hits_at_3 is None else row.shared_hits_at_3
    if row.hits_at_3 - hits != row.gained - row.lost:
        raise ValueError(f"{place}: gained - lost is not the difference in hits_at_3 from the shared model")
