"""The owner's messages, which stay on the phone, in the order in which they were typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from operator import attrgetter
from typing import NamedTuple

from device_runtime.phone.database import DamagedDatabaseError, PhoneDatabase, PhoneDatabaseError, seconds
from keyboard_model.batching import count_words, newest_messages

MAX_MESSAGES = 20_000
MAX_BYTES = 32 * 1024 * 1024
_SLACK = 0.05
"""The share of the history that is dropped at once, so that the user model is seldom recounted."""
_PAGE = 500


class Entry(NamedTuple):
    """A message to store. `at` is when it was typed; None = not known."""

    text: str
    at: datetime | None = None


class Message(NamedTuple):
    """A stored message. Its `id` is larger than those of earlier messages, and is never reused."""

    id: int
    text: str
    at: datetime | None
    words: int


class MessageHistory:
    """The stored messages. Beyond about `max_messages` messages or `max_bytes` of text, the oldest are dropped."""

    def __init__(self, database: PhoneDatabase, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._database = database
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes: int | None = None  # of all texts; None = count them again

    def add(self, text: str, at: datetime | None = None) -> bool:
        """Stores one message; see `add_many`."""
        return self.add_many([Entry(text, at)])

    def add_many(self, entries: Iterable[Entry], now: datetime | None = None) -> bool:
        """Stores messages in order, all of them or none. They are on disk when this returns.

        Args:
            entries: The messages.
            now: When the messages without a time arrived; None = the current time.

        Returns:
            Whether old messages were dropped to make room.

        Raises:
            PhoneDatabaseError: a message exceeds the limit of the whole history, or the disk is full or read-only.
        """
        arrival = seconds(now or datetime.now(UTC))
        rows = [_row(entry, arrival) for entry in entries]
        sizes = [len(text.encode()) for *_, text, _ in rows]
        if max(sizes, default=0) > self._max_bytes:
            raise PhoneDatabaseError(
                f"a message of {max(sizes):,} bytes is too large: the whole history may hold {self._max_bytes:,} bytes"
            )
        with self._database.transaction() as db:
            total = sum(sizes) + (self._stored_bytes() if self._bytes is None else self._bytes)
            db.executemany("INSERT INTO messages (at, words, text, typed) VALUES (?, ?, ?, ?)", rows)
            dropped = self._drop_oldest(total)
        self._bytes = None if dropped else total
        return dropped

    def _drop_oldest(self, total_bytes: int) -> bool:
        first, last = self._database.rows("SELECT min(id), max(id) FROM messages")[0]
        if first is None:
            return False
        # If messages were forgotten, their ids are missing, and fewer messages are kept than allowed.
        too_many, too_large = last - first + 1 > self._max_messages * (1 + _SLACK), total_bytes > self._max_bytes
        if too_many:
            self._delete_up_to(last - self._max_messages)
        if too_large:
            self._drop_until_small()
        return too_many or too_large

    def _drop_until_small(self) -> None:
        excess = self._stored_bytes() - int(self._max_bytes * (1 - _SLACK))
        for message_id, size in self._database.rows("SELECT id, length(CAST(text AS BLOB)) FROM messages ORDER BY id"):
            if excess <= 0:
                return
            self._delete_up_to(message_id)
            excess -= size

    def _delete_up_to(self, message_id: int) -> None:
        with self._database.transaction() as db:
            db.execute("DELETE FROM messages WHERE id <= ?", (message_id,))

    def _stored_bytes(self) -> int:
        return int(self._database.rows("SELECT coalesce(sum(length(CAST(text AS BLOB))), 0) FROM messages")[0][0])

    def newest(self, words: int) -> list[Message]:
        """Returns the newest messages that together hold at least `words` words (or all), oldest first."""
        return newest_messages(self._pages("id < ?", "DESC", 2**62), words, attrgetter("words"))

    def messages(self) -> Iterator[Message]:
        """Yields every message, oldest first. Reads them in pages, so that a long history need not fit in memory."""
        return self._pages("id > ?", "ASC", 0)

    def _pages(self, beyond: str, order: str, start: int) -> Iterator[Message]:
        query = f"SELECT id, text, at, words FROM messages WHERE {beyond} ORDER BY id {order} LIMIT {_PAGE}"
        step = 1 if order == "ASC" else -1
        while rows := self._database.rows(query, (start,)):
            for message_id, text, at, words in rows:
                if (message_id - start) * step <= 0:  # a file that was damaged while it was open; else without end
                    raise DamagedDatabaseError(f"{self._database.path} is damaged: its messages are out of order")
                yield Message(message_id, text, datetime.fromisoformat(at) if at else None, words)
                start = message_id

    def words_after(self, message_id: int) -> int:
        """Returns the number of words in the messages after this one."""
        query = "SELECT coalesce(sum(words), 0) FROM messages WHERE id > ?"
        return int(self._database.rows(query, (message_id,))[0][0])

    def __len__(self) -> int:
        return int(self._database.rows("SELECT count(*) FROM messages")[0][0])

    def rewrite(self, change: Callable[[str], str]) -> list[int]:
        """Replaces each text by `change(text)`. Returns the ids of the messages whose text changed, ascending."""
        with self._database.transaction() as db:
            changed = [(change(message.text), message) for message in self.messages()]
            rows = [(text, count_words(text), message.id) for text, message in changed if text != message.text]
            db.executemany("UPDATE messages SET text = ?, words = ? WHERE id = ?", rows)
            self._bytes = None
        return [message_id for *_, message_id in rows]

    def delete_since(self, at: datetime) -> list[int]:
        """Deletes the messages typed at that time or later. A message without a time counts by its arrival.

        Returns:
            The deleted ids, ascending.
        """
        with self._database.transaction() as db:
            deleted = db.execute("SELECT id FROM messages WHERE typed >= ? ORDER BY id", (seconds(at),)).fetchall()
            db.execute("DELETE FROM messages WHERE typed >= ?", (seconds(at),))
            self._bytes = None
        return [message_id for (message_id,) in deleted]

    def clear(self) -> None:
        """Deletes every message; `PhoneDatabase.scrub` erases their last bytes."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM messages")
            db.execute("DELETE FROM sqlite_sequence WHERE name = 'messages'")
            self._bytes = None


def _row(entry: Entry, arrival: float) -> tuple[str | None, int, str, float]:
    text = storable(entry.text)
    return (
        None if entry.at is None else entry.at.isoformat(),
        count_words(text),
        text,
        arrival if entry.at is None else seconds(entry.at),
    )


def storable(text: str) -> str:
    """Returns `text` with invalid characters, such as half of a UTF-16 surrogate pair, replaced by `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")
