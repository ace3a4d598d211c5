"""The SQLite schema of a corpus file, its connections, and the records and messages that go in and out.

Users are numbered 0..n-1 in the order of their ids. A user's messages are stored together (they are the key of a table
without rowid), so reading one client touches only that client's pages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, create_engine
from sqlalchemy.pool import NullPool, QueuePool

APPLICATION_ID = 0x54686D62  # "Thmb", at bytes 68..71 of the file (sqlite.org/fileformat.html)
SCHEMA_VERSION = 1
SQLITE_MAGIC = b"SQLite format 3\0"

metadata = MetaData()
about = Table("about", metadata, Column("key", String, primary_key=True), Column("value", String, nullable=False))
users = Table(
    "users",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("user_id", String, nullable=False, unique=True),
    Column("messages", Integer, nullable=False),
    Column("profile", String, nullable=False),
)
messages = Table(
    "messages",
    metadata,
    Column("user_number", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("timestamp", String),
    Column("text", String, nullable=False),
    sqlite_with_rowid=False,
)


def is_corpus(path: Path) -> bool:
    """Returns whether `write_corpus` made the file `path`, with any schema version; may raise OSError."""
    with path.open("rb") as file:
        head = file.read(72)
    return head.startswith(SQLITE_MAGIC) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")


def reading_engine(path: Path) -> Engine:
    """Returns a read-only engine; each thread gets its own connection from the pool."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False)

    return create_engine("sqlite://", creator=connect, poolclass=QueuePool, max_overflow=-1)


def building_engine(path: Path) -> Engine:
    """Returns an engine for a file that is not read before it is complete: no journal, no syncing."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


class CorpusError(ValueError):
    """A corpus or its source cannot be used as it is; the message says why and what to do."""


class NoMessagesError(CorpusError):
    """A source was read to its end and contains no usable message."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message as an importer read it.

    Attributes:
        user_id: The author; not empty.
        timestamp: The time, if the source has it; without a zone it is compared as UTC.
        text: The text, unchanged.
    """

    user_id: str
    timestamp: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a known user as `Corpus.messages` returns it, with sensitive text masked."""

    timestamp: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """The result of an import.

    Attributes:
        users: Users with at least one message kept.
        messages: Messages kept.
        duplicates: Records dropped because the same user wrote the same text at the same instant.
        empty: Records dropped because their text was blank.
        broken: Records that the importer could not use.
        reasons: Why, for the first few broken records.
    """

    users: int
    messages: int
    duplicates: int = 0
    empty: int = 0
    broken: int = 0
    reasons: tuple[str, ...] = ()


Skipped = Callable[[str], None]
"""Callback of an importer for each record that it cannot use; takes the reason."""

Progress = Callable[[int], None]
"""Callback of an import, called from time to time with the number of records read so far."""
