"""The phone's SQLite file, which holds messages, word lists, settings and the adaptation log.

It uses WAL mode with full syncing: a committed transaction survives every crash, and an interrupted one leaves nothing.
SQLite overwrites deleted text instead of only unlinking it. Nothing of the file is trusted: opening checks it whole
(see `database_check`), no statement runs longer than `DEADLINE_SECONDS`, no query returns more than `MAX_ROWS` rows.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device_runtime.phone.database_check import (
    MAX_ROWS,
    MAX_VALUE_BYTES,
    DamageError,
    check_file,
    check_names,
    check_pages,
    check_rows,
    check_schema,
)

SCHEMA_VERSION = 4
PATIENCE_SECONDS = 10.0
"""How many seconds a transaction waits for a file that another program has locked."""
DEADLINE_SECONDS = 30.0
"""How many seconds a query, a transaction or the check at opening can take. Rewriting a full history takes 2."""
_RESCUE_SECONDS = 1.0
_INSTRUCTIONS = 100_000
"""Instructions of SQLite between two looks at the clock: about 10 ms."""
_MAX_VERSION = 1_000
"""Larger versions are damage."""
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_DAMAGE_AT_OPENING = _DAMAGE | {
    sqlite3.SQLITE_ERROR,  # a column or table that the phone always has does not exist
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
}

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
CREATE TABLE IF NOT EXISTS evidence (
    one INTEGER PRIMARY KEY CHECK (one = 1), newest TEXT NOT NULL, fallen_back INTEGER NOT NULL
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


class DamagedDatabaseError(PhoneDatabaseError):
    """The file is damaged: no later attempt can read it."""


class PhoneDatabase:
    """An open database. Safe to use from several threads; transactions run one after another."""

    def __init__(self, path: Path) -> None:
        """Opens the file (creates it if missing), readable by its owner only.

        Raises:
            DamagedDatabaseError: the file is not an intact database of a phone.
            PhoneDatabaseError: the file was written by a newer program, or cannot be read and written.
        """
        self.path = path
        self._lock = threading.RLock()
        self._deadline = 0.0
        self._damage = _DAMAGE_AT_OPENING
        with _reported(path, self._damage):
            check_file(path)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its side files the same mode
            self._db = sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with _reported(path, self._damage):
                self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
                self._db.set_progress_handler(self._is_too_late, _INSTRUCTIONS)
                self._prepare()
        except BaseException:
            self._db.close()
            raise
        self._damage = _DAMAGE

    def _is_too_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _start_clock(self) -> None:
        self._deadline = time.monotonic() + DEADLINE_SECONDS

    def _prepare(self) -> None:
        self._start_clock()
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if not 0 <= version <= _MAX_VERSION:
            raise DamageError(f"its version is {version}")
        if version > SCHEMA_VERSION:
            raise PhoneDatabaseError(f"{self.path} was written by a newer version of this program: update the program")
        if version == SCHEMA_VERSION:  # the schema first: the check of the pages evaluates the constraints in it
            check_schema(self._db, _SCHEMA)
            check_pages(self._db)
            check_rows(self._db)
        else:
            check_names(self._db, _SCHEMA)
            check_pages(self._db)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        if version < SCHEMA_VERSION:
            self._migrate(version)
            check_rows(self._db)

    def _migrate(self, version: int) -> None:
        with self.transaction():
            if version == 1:
                self._from_version_1()
            for statement in _SCHEMA.split(";")[:-1]:
                self._db.execute(statement)
            check_schema(self._db, _SCHEMA)
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
            PhoneDatabaseError: the disk is full or cannot be written, or the transaction exceeds its deadline.
        """
        with self._lock, _reported(self.path, self._damage):
            if self._db.in_transaction:
                yield self._db
                return
            self._start_clock()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._start_clock()  # the wait for another program's lock does not count
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Returns the rows of a query.

        Raises:
            PhoneDatabaseError: the file cannot be read, or the query exceeds its deadline or `MAX_ROWS`.
        """
        with self._lock, _reported(self.path, self._damage):
            if not self._db.in_transaction:
                self._start_clock()
            found = self._db.execute(query, values).fetchmany(MAX_ROWS + 1)
            if len(found) > MAX_ROWS:
                raise DamageError(f"a query finds more than {MAX_ROWS:,} rows")
            return found

    def scrub(self) -> None:
        """Rewrites the file, so that no byte of deleted data stays in it or in its side files."""
        with self._lock, _reported(self.path, self._damage):
            self._start_clock()
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Closes the files; the database cannot be used afterwards."""
        with self._lock:
            self._db.close()


def read_damaged(path: Path, queries: Sequence[str]) -> list[list[tuple[Any, ...]]]:
    """Returns the rows of some queries to a database that may be damaged, as far as SQLite reads it.

    Raises:
        PhoneDatabaseError: one of them cannot be answered, or not in a second.
    """
    deadline = time.monotonic() + _RESCUE_SECONDS
    with _reported(path):
        check_file(path)
        with closing(sqlite3.connect(path, timeout=_RESCUE_SECONDS)) as db:
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
            db.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
            db.execute("PRAGMA trusted_schema=OFF")
            return [db.execute(query).fetchmany(MAX_ROWS) for query in queries]


def seconds(at: datetime) -> float:
    """Returns the seconds since 1970. A time without a zone is UTC, on every machine."""
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


@contextmanager
def _reported(path: Path, damage: Collection[int] = _DAMAGE) -> Iterator[None]:
    """Turns errors into ours. `damage` lists SQLite's error codes that mean a damaged file."""
    try:
        yield
    except DamageError as error:
        raise DamagedDatabaseError(f"{path} is damaged: {error}") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None and "decode" in str(error):  # Python's own error, which quotes the text
            raise DamagedDatabaseError(f"{path} is damaged: it has a text that is not UTF-8") from None
        if code is not None and code & 0xFF in damage:
            raise DamagedDatabaseError(f"{path} is damaged: {error}") from error
        if code == sqlite3.SQLITE_INTERRUPT:
            raise PhoneDatabaseError(f"{path} could not be read or written in {DEADLINE_SECONDS:g} seconds") from error
        raise PhoneDatabaseError(f"{path} cannot be used: {error}") from error
    except OSError as error:
        raise PhoneDatabaseError(f"{path} cannot be opened: {error.strerror}") from error
