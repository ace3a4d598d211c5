"""The log of a phone's adaptations: what each one read, how the gate judged it, and whether its adapter is stored."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import Any, Literal

from device_runtime.adaptation.adapt import Adaptation
from device_runtime.phone.database import PhoneDatabase
from device_runtime.phone.message_history import Message
from device_runtime.phone.state import SHARED_START, Due, PhoneState

STORED = 5
"""How many adapters stay on disk: the last ones that were put in use."""
MAX_ENTRIES = 500
"""More than a year of one adaptation each night. Older entries are dropped, unless their adapter is stored."""

Cause = Literal["asked", "uploaded"] | Due
"""Why an adapter was made: someone called `adapt` or uploaded a file, or the phone's state made it due."""


@dataclass(frozen=True)
class AdaptationEntry:
    """One adaptation.

    Attributes:
        id: 1 for the first entry; never reused. Its adapter has the same id.
        at: When it ended, in UTC.
        cause: Why it was made.
        model_id: The model that its adapter belongs to.
        messages: How many messages it read, including the tail that judged it.
        first_message, last_message: The ids of the first and last of these messages in the history; None = no messages.
        first_at, last_at: When those two were typed; None = not known.
        tail_words: How many held-out words judged it.
        before, after: Mean loss on those words in nats a word, with the old and with the new adapter; None = no number.
        kept: Whether the new adapter was put in use.
        reason: Why it was kept or not, in one sentence.
        steps: How many local steps it took.
        seconds: How long it took.
        replaced: The id of the adapter that was in use before; SHARED_START = the bundle's own.
        stored: Whether its adapter is on disk, so that `Phone.rollback` can return to it.
    """

    id: int
    at: datetime
    cause: Cause
    model_id: str
    messages: int
    first_message: int | None
    last_message: int | None
    first_at: datetime | None
    last_at: datetime | None
    tail_words: int
    before: float | None
    after: float | None
    kept: bool
    reason: str
    steps: int
    seconds: float
    replaced: int
    stored: bool

    @classmethod
    def of_adaptation(
        cls, entry_id: int, result: Adaptation, state: PhoneState, read: Sequence[Message], cause: Cause, at: datetime
    ) -> AdaptationEntry:
        """Returns the entry of an adaptation that read these messages, oldest first, on a phone in this state."""
        verdict = result.verdict
        return cls(
            id=entry_id,
            at=at,
            cause=cause,
            model_id=state.model_id,
            messages=len(read),
            first_message=read[0].id if read else None,
            last_message=read[-1].id if read else None,
            first_at=read[0].at if read else None,
            last_at=read[-1].at if read else None,
            tail_words=verdict.tail_words,
            before=_finite(verdict.before) if verdict.tail_words else None,
            after=_finite(verdict.after) if verdict.tail_words else None,
            kept=verdict.kept,
            reason=verdict.reason,
            steps=result.steps,
            seconds=result.seconds,
            replaced=state.adapter,
            stored=verdict.kept,
        )

    @classmethod
    def of_upload(cls, entry_id: int, state: PhoneState, at: datetime) -> AdaptationEntry:
        """Returns the entry of an uploaded adapter file."""
        return cls(
            id=entry_id,
            at=at,
            cause="uploaded",
            model_id=state.model_id,
            messages=0,
            first_message=None,
            last_message=None,
            first_at=None,
            last_at=None,
            tail_words=0,
            before=None,
            after=None,
            kept=True,
            reason="an uploaded adapter, which the gate did not judge",
            steps=0,
            seconds=0.0,
            replaced=state.adapter,
            stored=True,
        )

    def read(self, messages: Sequence[int]) -> bool:
        """Whether its adapter can have learned from one of these messages (ids in the history, ascending)."""
        if self.cause == "uploaded":
            return bool(messages)  # what an uploaded adapter learned from is not known
        if self.first_message is None or self.last_message is None:
            return False
        at = bisect_left(messages, self.first_message)
        return at < len(messages) and messages[at] <= self.last_message


_COLUMNS = [field.name for field in fields(AdaptationEntry)]
_TIMES = [_COLUMNS.index(name) for name in ("at", "first_at", "last_at")]
_FLAGS = [_COLUMNS.index(name) for name in ("kept", "stored")]


class AdaptationLog:
    """The entries in a phone's database."""

    def __init__(self, database: PhoneDatabase) -> None:
        self._database = database

    def entries(self) -> list[AdaptationEntry]:
        """Returns every entry, oldest first."""
        return self._select("ORDER BY id")

    def get(self, entry_id: int) -> AdaptationEntry | None:
        """Returns the entry with this id, or None."""
        entries = self._select("WHERE id = ?", entry_id)
        return entries[0] if entries else None

    def last(self) -> AdaptationEntry | None:
        """Returns the newest entry, or None."""
        entries = self._select("ORDER BY id DESC LIMIT 1")
        return entries[0] if entries else None

    def last_message(self) -> int:
        """Returns the id of the newest message that an adaptation read; 0 = no adaptation read a message."""
        return int(self._database.rows("SELECT coalesce(max(last_message), 0) FROM adaptations")[0][0])

    def next_id(self) -> int:
        """Returns the id for the next entry."""
        last = self.last()
        return 1 if last is None else last.id + 1

    def add(self, entry: AdaptationEntry) -> None:
        """Writes an entry. If there are then more than STORED stored adapters, the oldest are given up."""
        placeholders = ", ".join("?" * len(_COLUMNS))
        with self._database.transaction() as db:
            db.execute(f"INSERT INTO adaptations ({', '.join(_COLUMNS)}) VALUES ({placeholders})", _row(entry))
            self.give_up(self.stored()[:-STORED])
            db.execute("DELETE FROM adaptations WHERE id <= ? AND NOT stored", (entry.id - MAX_ENTRIES,))

    def stored(self) -> list[int]:
        """Returns the ids of the adapters on disk, ascending."""
        return [entry_id for (entry_id,) in self._database.rows("SELECT id FROM adaptations WHERE stored ORDER BY id")]

    def give_up(self, ids: Iterable[int]) -> None:
        """Records that these adapters are no longer stored. Delete their files after the transaction."""
        with self._database.transaction() as db:
            db.executemany("UPDATE adaptations SET stored = 0 WHERE id = ?", [(i,) for i in ids])

    def before(self, entry_id: int) -> int:
        """Returns the last stored adapter that was in use before this one; SHARED_START if there is none."""
        entry = self.get(entry_id)
        while entry is not None and entry.replaced != SHARED_START:
            entry = self.get(entry.replaced)
            if entry is not None and entry.stored:
                return entry.id
        return SHARED_START

    def clear(self) -> None:
        """Deletes every entry."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM adaptations")

    def _select(self, clause: str, *values: int) -> list[AdaptationEntry]:
        rows = self._database.rows(f"SELECT {', '.join(_COLUMNS)} FROM adaptations {clause}", values)
        return [_entry(row) for row in rows]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _row(entry: AdaptationEntry) -> list[Any]:
    return [value.isoformat() if isinstance(value, datetime) else value for value in astuple(entry)]


def _entry(row: Sequence[Any]) -> AdaptationEntry:
    values = list(row)
    for at in _TIMES:
        values[at] = values[at] and datetime.fromisoformat(values[at])
    for at in _FLAGS:
        values[at] = bool(values[at])
    return AdaptationEntry(*values)
