"""The SQLite file that a corpus is: tables, identity, and how a connection to it is made.

Users are numbered 0..n-1 in the order of their ids, so that any sample of a population is n primary
key look-ups; a user's messages lie together on disk (the key of a table without rowid), so that
reading one client touches only that client's pages.

What a corpus is made of: records on the way in, messages on the way out.
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
    """Returns whether `path` is a file that `write_corpus` made, of whatever schema version; may raise OSError."""
    with path.open("rb") as file:
        head = file.read(72)
    return head.startswith(SQLITE_MAGIC) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")


def reading_engine(path: Path) -> Engine:
    """Returns an engine that cannot write; each thread gets a connection of its own from the pool."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False)

    return create_engine("sqlite://", creator=connect, poolclass=QueuePool, max_overflow=-1)


def building_engine(path: Path) -> Engine:
    """Returns an engine for a file that nobody reads before it is whole: no journal, no syncing."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


class CorpusError(ValueError):
    """A corpus or its source cannot be used as it is; the message says why and what to do."""


class NoMessagesError(CorpusError):
    """A source was read to its end and not one message in it is usable."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message as a reader found it.

    Attributes:
        user_id: Who wrote it; not empty.
        timestamp: When, if the source says so; without a zone it is compared as if it were UTC.
        text: What was written, as it was.
    """

    user_id: str
    timestamp: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a known user, as a corpus gives it: what no keyboard may learn is masked (`Corpus.messages`)."""

    timestamp: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What became of the records of a source.

    Attributes:
        users: Users with at least one message kept.
        messages: Messages kept.
        duplicates: Records dropped because the same user had written the same text at the same instant.
        empty: Records dropped because their text was blank.
        broken: Records that the reader could not use.
        reasons: What was wrong with the first few broken ones.
    """

    users: int
    messages: int
    duplicates: int = 0
    empty: int = 0
    broken: int = 0
    reasons: tuple[str, ...] = ()


Skipped = Callable[[str], None]
"""What a reader calls, with the reason, for each record that it cannot use."""

Progress = Callable[[int], None]
"""What an import calls now and then, with the number of records read so far."""
