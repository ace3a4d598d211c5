"""Finished lives on disk, so that a fleet cut short goes on where it was (`lives.jsonl`).

A line is one life under a key of everything it depends on. Only where each begins is held in memory: a large fleet's
lives are read back one at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from pydantic import BaseModel, ConfigDict, ValidationError

from device_runtime.bundle.loader import Bundle
from device_runtime.simulation.fleet.plan import FleetError, FleetPlan
from device_runtime.simulation.held_out import WHOLE, SimulatedUser
from device_runtime.simulation.trial_store import TrialKeys
from keyboard_model.storage.durable_files import AppendLog


class Days(BaseModel):
    """Counts by day, each list `[days]`.

    Attributes:
        typed: Messages that the phone saw.
        missed: Messages that its owner wrote while it was off.
        words: Words tested, the same for both keyboards.
        shared_at_1, shared_at_3, personal_at_1, personal_at_3: Of them, suggested first, among the three.
        adapted: Adaptations that ran.
        kept: Of them, those that the gate kept.
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
    def none(cls, days: int) -> Days:
        """As many days on which nothing has happened yet; the lists are to be counted up."""
        return cls(**{name: [0] * days for name in cls.model_fields})


class DeviceTimeline(BaseModel):
    """One phone's days.

    Attributes:
        phone: Its number in the fleet.
        user_id: Whose messages it saw.
        own_times: Whether they bear their own times; else the times were drawn.
        clock_right: Whether its clock showed the true time throughout.
        new_bundle_day: From which day on it ran the second bundle; None = never.
        days: What was counted.
        refused: Looks at which the policy let no adaptation begin, by reason.
        turned_down: Adaptations that ran and that the gate did not keep, by reason.
        adapter_bytes: Of the adapter it has in the end; 0 = none.
        adaptation_seconds: That all its adaptations took, on this machine: the one thing that another run changes.
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
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    life: DeviceTimeline


class TimelineKeys:
    """Makes the key of a life: the bundles, the program's own code, the plan, the phone and its owner's messages.

    The population is left out of it: a larger fleet holds the phones of a smaller one.
    """

    def __init__(self, bundles: Sequence[Bundle], plan: FleetPlan) -> None:
        self._keys = [TrialKeys(bundle.manifest, WHOLE) for bundle in bundles]
        self._plan = {name: value for name, value in asdict(plan).items() if name != "population"}

    def key(self, phone: int, user: SimulatedUser) -> str:
        """Returns 64 hex digits, usable as a file name."""
        what = [[keys.key(user) for keys in self._keys], self._plan, phone]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


class TimelineStore:
    """The lives in `<folder>/lives.jsonl`; a context manager. Its caller sees to it that it is the only one."""

    def __init__(self, folder: Path) -> None:
        """Raises FleetError: the folder cannot be written to."""
        self._file = AppendLog(folder / "lives.jsonl", FleetError)
        self._begins: dict[str, int] = {}
        for begins, line in self._file.lines():
            with contextlib.suppress(ValidationError):  # of another version: lived again
                self._begins[_Line.model_validate_json(line).key] = begins

    def __contains__(self, key: str) -> bool:
        return key in self._begins

    def life(self, key: str) -> DeviceTimeline:
        """Reads one life back. Raises KeyError: there is none under this key."""
        return _Line.model_validate_json(self._file.line(self._begins[key])).life

    def add(self, key: str, life: DeviceTimeline) -> None:
        """Stores one life, at once and for good.

        Raises:
            FleetError: the disk is full or gone; what was stored stays.
        """
        self._begins[key] = self._file.append(_Line(key=key, life=life).model_dump_json().encode())

    def __enter__(self) -> TimelineStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
