"""The phone's SQLite file, which holds messages, word lists, settings and the adaptation log.

It uses WAL mode with full syncing: a committed transaction survives every crash, and an interrupted one leaves nothing.
SQLite overwrites deleted text instead of only unlinking it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 3
PATIENCE_SECONDS = 10.0
"""How many seconds a transaction waits for a file that another program has locked."""

# messages.typed: when the message was typed, in seconds since 1970; if that is not known, when it arrived.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, words INTEGER NOT NULL, text TEXT NOT NULL,
    typed REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS state (
    one INTEGER PRIMARY KEY CHECK (one = 1), model_id TEXT NOT NULL, adapter INTEGER NOT NULL, strength REAL NOT NULL,
    due TEXT, unclean INTEGER NOT NULL, incognito INTEGER NOT NULL, salt BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS forgotten (digest BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocked (word TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS adaptations (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, cause TEXT NOT NULL, model_id TEXT NOT NULL,
    messages INTEGER NOT NULL, first_message INTEGER, last_message INTEGER, first_at TEXT, last_at TEXT,
    tail_words INTEGER NOT NULL, before REAL, after REAL, kept INTEGER NOT NULL, reason TEXT NOT NULL,
    steps INTEGER NOT NULL, seconds REAL NOT NULL, replaced INTEGER NOT NULL, stored INTEGER NOT NULL
);
"""


class PhoneDatabaseError(ValueError):
    """The database cannot be opened, read or written; the message says why."""


class PhoneDatabase:
    """An open database. Safe to use from several threads; transactions run one after another."""

    def __init__(self, path: Path) -> None:
        """Opens the file (creates it if missing), readable by its owner only.

        Raises:
            PhoneDatabaseError: the file is damaged, was written by a newer program, or cannot be read and written.
        """
        self.path = path
        self._lock = threading.RLock()
        with _reported(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its side files the same mode
            self._db = sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with _reported(path):
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise PhoneDatabaseError(f"{self.path} was written by a newer version of this program: update the program")
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        if version < SCHEMA_VERSION:
            with self.transaction():
                if version == 1:
                    self._from_version_1()
                for statement in _SCHEMA.split(";")[:-1]:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _from_version_1(self) -> None:
        self._db.execute("ALTER TABLE messages ADD COLUMN typed REAL NOT NULL DEFAULT 0")
        rows = self._db.execute("SELECT at, id FROM messages WHERE at IS NOT NULL").fetchall()
        self._db.executemany(
            "UPDATE messages SET typed = ? WHERE id = ?", [(seconds(datetime.fromisoformat(at)), i) for at, i in rows]
        )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commits what the block writes, or rolls it back if the block raises. A nested one joins the outer one.

        Raises:
            PhoneDatabaseError: the disk is full or cannot be written.
        """
        with self._lock, _reported(self.path):
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Returns the rows of a query."""
        with self._lock, _reported(self.path):
            return self._db.execute(query, values).fetchall()

    def scrub(self) -> None:
        """Rewrites the file, so that no byte of deleted data stays in it or in its side files."""
        with self._lock, _reported(self.path):
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Closes the files; the database cannot be used afterwards."""
        with self._lock:
            self._db.close()


def seconds(at: datetime) -> float:
    """Returns the seconds since 1970. A time without a zone is UTC, on every machine."""
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise PhoneDatabaseError(f"{path} cannot be used: {error}") from error
    except OSError as error:
        raise PhoneDatabaseError(f"{path} cannot be opened: {error.strerror}") from error
