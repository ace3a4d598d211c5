"""What the owner typed: the phone's private store of messages.

SQLite in WAL mode with full syncing: a message that `add` returned for survives any crash, and one
being added is there whole or not at all. Deleted text is overwritten, not just unlinked.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from keyboard_model import text as words_of_text

SCHEMA_VERSION = 1
MAX_MESSAGES = 20_000
_SLACK = 0.05
"""Old messages go in blocks of this share, so that what is counted from them is recounted rarely."""
_PAGE = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, words INTEGER NOT NULL, text TEXT NOT NULL
)
"""


class HistoryError(ValueError):
    """The store cannot be opened, read or written; the message says why."""


class Entry(NamedTuple):
    """A message of the owner's; `at`: when it was typed, where known."""

    text: str
    at: datetime | None = None


class History:
    """Messages in the order they were typed; at most about `max_messages`, the oldest go first."""

    def __init__(self, path: Path, max_messages: int = MAX_MESSAGES) -> None:
        """Opens the store, made where there is none.

        Raises:
            HistoryError: the file is damaged, of a newer program, or cannot be read and written.
        """
        self.path = path
        self._max = max_messages
        self._lock = threading.RLock()
        with _reported(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its side files the same mode
            self._db = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        with _reported(self.path):
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise HistoryError(f"{self.path} was written by a newer program: update this one")
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                self._db.execute(f"PRAGMA {pragma}").fetchall()
            self._db.execute(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def add(self, text: str, at: datetime | None = None) -> bool:
        """Stores one message; see `add_many`."""
        return self.add_many([Entry(text, at)])

    def add_many(self, entries: Iterable[Entry]) -> bool:
        """Stores messages in order, all of them or none.

        Returns:
            Whether old messages had to go to make room.

        Raises:
            HistoryError: the disk is full or cannot be written; nothing was stored.
        """
        rows = [(at and at.isoformat(), len(words_of_text.words(text)), storable(text)) for text, at in entries]
        with self._lock, self._transaction():
            self._db.executemany("INSERT INTO messages (at, words, text) VALUES (?, ?, ?)", rows)
            return self._drop_oldest()

    def _drop_oldest(self) -> bool:
        first, last = self._db.execute("SELECT min(id), max(id) FROM messages").fetchone()
        if first is None or last - first + 1 <= self._max * (1 + _SLACK):
            return False
        self._db.execute("DELETE FROM messages WHERE id <= ?", (last - self._max,))
        return True

    def newest_words(self, words: int) -> list[str]:
        """Returns the newest messages that together hold at least `words` words (or all), oldest first."""
        texts: list[str] = []
        with self._lock, _reported(self.path):
            for count, text in self._db.execute("SELECT words, text FROM messages ORDER BY id DESC"):
                if words <= 0:
                    break
                texts.append(text)
                words -= count
        return texts[::-1]

    def messages(self) -> Iterator[Entry]:
        """Yields every message, oldest first, a page at a time: a long history never stands in memory whole."""
        last = 0
        while rows := self._page(last):
            for _, text, at in rows:
                yield Entry(text, datetime.fromisoformat(at) if at else None)
            last = rows[-1][0]

    def _page(self, after: int) -> list[tuple[int, str, str | None]]:
        with self._lock, _reported(self.path):
            return self._db.execute(
                "SELECT id, text, at FROM messages WHERE id > ? ORDER BY id LIMIT ?", (after, _PAGE)
            ).fetchall()

    def __len__(self) -> int:
        with self._lock, _reported(self.path):
            return int(self._db.execute("SELECT count(*) FROM messages").fetchone()[0])

    def clear(self) -> None:
        """Deletes every message; no byte of them stays in the store's files."""
        with self._lock:
            with self._transaction():
                self._db.execute("DELETE FROM messages")
            with _reported(self.path):
                self._db.execute("VACUUM")
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Closes the files; the history cannot be used any more."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _reported(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def storable(text: str) -> str:
    """Returns `text` with what is no character (half a surrogate pair of broken UTF-16) replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise HistoryError(f"{path} cannot be used: {error}") from error
    except OSError as error:
        raise HistoryError(f"{path} cannot be opened: {error.strerror}") from error
