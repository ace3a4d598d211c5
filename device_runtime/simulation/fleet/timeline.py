"""The counts of one phone's days, and finished timelines on disk (`lives.jsonl`), so that a stopped fleet can continue.

Each line is one timeline and its key. The key covers everything that the timeline depends on. Only the positions of the
lines of earlier runs are in memory. The timelines of a large fleet are read one at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from device_runtime.bundle.loader import Bundle
from device_runtime.simulation.fleet.plan import FleetError, FleetPlan
from device_runtime.simulation.held_out import DEFAULT_PLAN, SimulatedUser
from device_runtime.simulation.trial_store import TrialKeys
from keyboard_model.storage.durable_files import AppendLog


class Days(BaseModel):
    """Counts by day, each list `[days]`.

    Attributes:
        typed: Messages that the phone saw.
        missed: Messages that the owner wrote while the phone was off.
        words: Tested words, the same for both keyboards.
        shared_at_1, shared_at_3, personal_at_1, personal_at_3: Tested words that each keyboard suggested first, and
            among the three.
        adapted: Adaptations that ran.
        kept: Adaptations that the gate kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    typed: list[int]
    missed: list[int]
    words: list[int]
    shared_at_1: list[int]
    shared_at_3: list[int]
    personal_at_1: list[int]
    personal_at_3: list[int]
    adapted: list[int]
    kept: list[int]

    @classmethod
    def zeros(cls, days: int) -> Days:
        """Returns zeros for this number of days. The lists can be changed."""
        return cls(**{name: [0] * days for name in cls.model_fields})


class DeviceTimeline(BaseModel):
    """The result of one phone's days.

    Attributes:
        phone: The phone's number in the fleet.
        user_id: The user whose messages the phone saw.
        own_times: Whether the messages kept their own times. If not, the times were drawn.
        clock_right: Whether the phone's clock always showed the true time.
        new_bundle_day: The first day with the second bundle. None: the phone never had it.
        days: Counts by day.
        refused: Number of hourly checks at which the policy allowed no adaptation, by reason.
        turned_down: Number of adaptations that the gate did not keep, by reason.
        adapter_bytes: Size of the adapter at the end. 0: the phone has none.
        adaptation_seconds: Time of all adaptations on this machine. This is the only value that differs between runs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone: int
    user_id: str
    own_times: bool
    clock_right: bool
    new_bundle_day: int | None
    days: Days
    refused: dict[str, int]
    turned_down: dict[str, int]
    adapter_bytes: int
    adaptation_seconds: float


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)

    key: str
    timeline: DeviceTimeline = Field(validation_alias="life", serialization_alias="life")


class TimelineKeys:
    """Makes the keys of timelines from the bundles, the program's code, the plan, the phone and the user's messages.

    The population is not part of a key, so a larger fleet contains the phones of a smaller one.
    """

    def __init__(self, bundles: Sequence[Bundle], plan: FleetPlan) -> None:
        self._keys = [TrialKeys(bundle.manifest, DEFAULT_PLAN) for bundle in bundles]
        self._plan = {name: value for name, value in asdict(plan).items() if name != "population"}

    def key(self, phone: int, user: SimulatedUser) -> str:
        """Returns 64 hex digits. They can be a file name."""
        what = [[keys.key(user) for keys in self._keys], self._plan, phone]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


class TimelineStore:
    """The timelines in `<folder>/lives.jsonl`. A context manager. The caller makes sure that there is only one.

    It contains the timelines of earlier runs, each until it is read. What is added now is for later runs, so memory
    does not grow with the phones of this run.
    """

    def __init__(self, folder: Path) -> None:
        """Opens the store.

        Raises:
            FleetError: the folder cannot be written to.
        """
        self._file = AppendLog(folder / "lives.jsonl", FleetError)
        self._positions: dict[str, int] = {}
        for position, line in self._file.lines():
            with contextlib.suppress(ValidationError):  # written by another version: this phone is simulated again
                self._positions[_Line.model_validate_json(line).key] = position

    def __contains__(self, key: str) -> bool:
        return key in self._positions

    def read(self, key: str) -> DeviceTimeline:
        """Reads one timeline of an earlier run and forgets its position.

        Raises:
            KeyError: no timeline has this key, or it was read before.
        """
        return _Line.model_validate_json(self._file.line(self._positions.pop(key))).timeline

    def add(self, key: str, timeline: DeviceTimeline) -> None:
        """Stores one timeline durably.

        Raises:
            FleetError: the disk is full or unavailable. Timelines stored before are unchanged.
        """
        self._file.append(_Line(key=key, timeline=timeline).model_dump_json().encode())

    def __enter__(self) -> TimelineStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
