"""The SQLite schema of a corpus file, its connections, and the types of records and messages.

Users are numbered 0..n-1 in the order of their ids. The messages of a user are stored together (the table has no rowid,
and its key begins with the user), so reading one user reads only that user's pages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol
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
    """Returns whether `write_corpus` wrote the file `path`, with any schema version.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(72)
    return head.startswith(SQLITE_MAGIC) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")


def reading_engine(path: Path) -> Engine:
    """Returns a read-only engine; each thread gets its own connection from the pool."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False)

    return create_engine("sqlite://", creator=connect, poolclass=QueuePool, max_overflow=-1)


def building_engine(path: Path) -> Engine:
    """Returns an engine that writes without journal and syncing, for a file that is read only when it is complete."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


class CorpusError(ValueError):
    """A corpus or its source cannot be used; the message says why and what to do."""


class NoMessagesError(CorpusError):
    """A source was read completely and contains no usable message."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message from an importer.

    Attributes:
        user_id: The author; not empty.
        timestamp: The time, if the source has one. A time without a zone counts as UTC.
        text: The text, unchanged.
    """

    user_id: str
    timestamp: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a known user, as `Corpus.messages` returns it: sensitive text is masked."""

    timestamp: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """The result of an import.

    Attributes:
        users: Users with at least one message in the corpus.
        messages: Messages in the corpus.
        duplicates: Records left out because the same user wrote the same text at the same instant.
        empty: Records left out because their text is blank.
        skipped: How many records the importer left out, by reason.
        examples: The reasons and places of the first few of these.
    """

    users: int
    messages: int
    duplicates: int = 0
    empty: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


class Skipped(Protocol):
    """Callback that an importer calls for each record that it leaves out.

    `reason` is one of a few constant texts, such as "not valid JSON": records are counted by it. `detail` says where
    the record is and, if it helps, what exactly is wrong: "line 3: Expecting value".
    """

    def __call__(self, reason: str, detail: str = "", /) -> None: ...


Progress = Callable[[int], None]
"""Callback that an import calls from time to time with the number of records read so far."""
