"""Every adaptation of a phone, in order: from what, how it was judged, and whether its adapter can be gone back to."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import Any, Literal

from device_runtime.phone.database import PhoneDatabase
from device_runtime.phone.state import SHARED_START, Due

STORED = 5
"""Kept adapters that stay on the disk, the newest, and the one in use."""
MAX_ENTRIES = 500
"""More than a year of one a night; the oldest whose adapters are gone are dropped."""

Cause = Literal["asked", "uploaded"] | Due
"""Why a phone adapted: because it was its time, from elsewhere, or as the state's `due` says."""


@dataclass(frozen=True)
class AdaptationEntry:
    """One adaptation.

    Attributes:
        id: From 1 on, never given again; also the adapter's.
        at: When, in UTC.
        cause: Why.
        model_id: Of the base that it was made for.
        messages: How many it read (the tail that judged it included).
        first_message, last_message: Their ids in the history, the first and the last; None where it read none.
        first_at, last_at: When those were typed, where known.
        tail_words: Held-out words that it was judged on.
        before, after: Mean loss there of the adapter before and of the new one, nats a word; None = no number.
        kept: Whether the new adapter came into use.
        reason: Why it did or did not, in a sentence.
        steps, seconds: What it took.
        replaced: Id of the adapter in use before, SHARED_START for the bundle's own.
        stored: Whether its adapter is on the disk, so that `Phone.rollback` can go back to it.
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

    def read(self, messages: Sequence[int]) -> bool:
        """Whether its adapter may have learnt from one of these (ids in the history, ascending)."""
        if self.cause == "uploaded":
            return bool(messages)  # from which it learnt is not known
        if self.first_message is None or self.last_message is None:
            return False
        at = bisect_left(messages, self.first_message)
        return at < len(messages) and messages[at] <= self.last_message


_COLUMNS = [field.name for field in fields(AdaptationEntry)]
_TIMES = [_COLUMNS.index(name) for name in ("at", "first_at", "last_at")]
_FLAGS = [_COLUMNS.index(name) for name in ("kept", "stored")]


class AdaptationLog:
    """The entries in a phone's store."""

    def __init__(self, store: PhoneDatabase) -> None:
        self._store = store

    def entries(self) -> list[AdaptationEntry]:
        """All, oldest first."""
        return self._found("ORDER BY id")

    def get(self, entry_id: int) -> AdaptationEntry | None:
        """The entry with this id, None where there is none."""
        found = self._found("WHERE id = ?", entry_id)
        return found[0] if found else None

    def last(self) -> AdaptationEntry | None:
        """The newest, None where there is none."""
        found = self._found("ORDER BY id DESC LIMIT 1")
        return found[0] if found else None

    def last_message(self) -> int:
        """Id of the newest message that any adaptation read, 0 where none did."""
        return int(self._store.rows("SELECT coalesce(max(last_message), 0) FROM adaptations")[0][0])

    def next_id(self) -> int:
        """The id of the next entry."""
        last = self.last()
        return 1 if last is None else last.id + 1

    def add(self, entry: AdaptationEntry) -> None:
        """Writes an entry. Where its adapter is stored, the oldest stored ones beyond STORED are given up."""
        marks = ", ".join("?" * len(_COLUMNS))
        with self._store.transaction() as db:
            db.execute(f"INSERT INTO adaptations ({', '.join(_COLUMNS)}) VALUES ({marks})", _row(entry))
            self.give_up(self.stored()[:-STORED])
            db.execute("DELETE FROM adaptations WHERE id <= ? AND NOT stored", (entry.id - MAX_ENTRIES,))

    def stored(self) -> list[int]:
        """Ids of the adapters that are on the disk, ascending."""
        return [entry_id for (entry_id,) in self._store.rows("SELECT id FROM adaptations WHERE stored ORDER BY id")]

    def give_up(self, ids: Iterable[int]) -> None:
        """Notes that these adapters are no longer on the disk; their files may go once the transaction is over."""
        with self._store.transaction() as db:
            db.executemany("UPDATE adaptations SET stored = 0 WHERE id = ?", [(i,) for i in ids])

    def before(self, entry_id: int) -> int:
        """The adapter that was in use before this one and is still stored; SHARED_START where none is."""
        entry = self.get(entry_id)
        while entry is not None and entry.replaced != SHARED_START:
            entry = self.get(entry.replaced)
            if entry is not None and entry.stored:
                return entry.id
        return SHARED_START

    def clear(self) -> None:
        """Deletes every entry."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM adaptations")

    def _found(self, which: str, *values: int) -> list[AdaptationEntry]:
        return [
            _entry(row) for row in self._store.rows(f"SELECT {', '.join(_COLUMNS)} FROM adaptations {which}", values)
        ]


def number(value: float) -> float | None:
    """`value`, None where it is infinite or no number."""
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
