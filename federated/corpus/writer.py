"""Writes a corpus file from records in any order; numbers the users and sorts their messages.

The records are first staged in a table keyed by user and arrival. Memory therefore holds the messages of only one user,
however long the source is. Both files are built in a temporary folder beside the target. The corpus is renamed at the
end, so an import that fails or is interrupted leaves an existing file unchanged.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import operator
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DatabaseError

from federated.corpus import schema
from federated.corpus.schema import CorpusError, ImportSummary, NoMessagesError, Progress, Record
from keyboard_model.storage.durable_files import fsync_path

Profiles = Mapping[str, Mapping[str, str | None]]

_Arrived = tuple[int | None, str | None, str]
"""A staged message: its instant, its timestamp and its text."""

_BATCH = 5000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_staging = MetaData()
_staged = Table(
    "staged",
    _staging,
    Column("user_id", String, primary_key=True),
    Column("arrival", Integer, primary_key=True, autoincrement=False),
    Column("instant", Integer),
    Column("timestamp", String),
    Column("text", String, nullable=False),
    sqlite_with_rowid=False,
)


def write_corpus(
    path: Path | str,
    records: Iterable[Record],
    *,
    source: str,
    description: str = "",
    synthetic: bool = False,
    profiles: Profiles | None = None,
    progress: Progress | None = None,
) -> ImportSummary:
    """Writes a corpus file atomically.

    A user's messages are sorted by time (stable) if all of them have a time. Otherwise they keep the order of the
    records. A text that the same user wrote twice at the same instant is stored once. Blank texts are left out, and NUL
    characters are removed.

    Args:
        path: The file to write. Missing folders are created, an older corpus is replaced, any other file is refused.
        records: Any iterable, read once; the users can be mixed.
        source: Name of the format of the records.
        description: A line of text for users.
        synthetic: Whether a program generated the messages.
        profiles: Attributes by user id, read after `records` is exhausted. Users without records are left out.
        progress: Called with the number of records read so far.

    Raises:
        NoMessagesError: no record is usable.
        CorpusError: `path` cannot be written, or the disk is full.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     records = [Record("ann", None, "see you"), Record("bob", None, "ok"), Record("ann", None, " ")]
    ...     write_corpus(f"{folder}/corpus.sqlite", records, source="notes")
    ImportSummary(users=2, messages=2, duplicates=0, empty=1, skipped={}, examples=())
    """
    path = Path(path)
    with _as_corpus_errors(path), _folder_beside(path) as folder:
        staging = schema.building_engine(folder / "staging.sqlite")
        built = folder / "corpus.sqlite"
        empty = _stage(staging, records, progress)
        about = {"source": source, "description": description, "synthetic": "yes" if synthetic else "no"}
        summary = _write_staged(staging, schema.building_engine(built), about, profiles or {}, empty)
        if not summary.messages:
            raise NoMessagesError(f"the {source} source contains no usable message: nothing was written")
        fsync_path(built)
        os.replace(built, path)
        fsync_path(path.parent)
    return summary


def _write_staged(
    staging: Engine, target: Engine, about: dict[str, str], profiles: Profiles, empty: int
) -> ImportSummary:
    digest = hashlib.sha256()
    count = messages = duplicates = 0
    with target.begin() as connection:
        schema.metadata.create_all(connection)
        connection.execute(text(f"PRAGMA application_id={schema.APPLICATION_ID}"))
        connection.execute(text(f"PRAGMA user_version={schema.SCHEMA_VERSION}"))
        for count, (user_id, arrived) in enumerate(_staged_users(staging), 1):
            kept = _in_order(arrived)
            profile = dict(sorted(profiles.get(user_id, {}).items()))
            _write_user(connection, count - 1, user_id, kept, profile)
            digest.update(json.dumps([user_id, profile, kept]).encode() + b"\n")
            messages += len(kept)
            duplicates += len(arrived) - len(kept)
        about |= {"users": str(count), "messages": str(messages), "corpus_id": digest.hexdigest()}
        connection.execute(insert(schema.about), [{"key": key, "value": value} for key, value in about.items()])
    return ImportSummary(count, messages, duplicates, empty)


def _write_user(
    connection: Connection,
    number: int,
    user_id: str,
    kept: list[tuple[str | None, str]],
    profile: dict[str, str | None],
) -> None:
    _insert(connection, schema.users, [(number, user_id, len(kept), json.dumps(profile))])
    rows = [(number, position, timestamp, written) for position, (timestamp, written) in enumerate(kept)]
    _insert(connection, schema.messages, rows)


def _insert(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    # SQLAlchemy would look up the columns of each row by name, which took a third of the time of an import.
    connection.exec_driver_sql(_insertion(table), rows)


@functools.cache
def _insertion(table: Table) -> str:
    """Returns the SQL that inserts rows of all columns, in the table's order."""
    return str(insert(table).compile(dialect=sqlite.dialect()))


def _stage(engine: Engine, records: Iterable[Record], progress: Progress | None) -> int:
    """Stages every record that has text; returns the number of records without text."""
    empty = 0
    numbered = enumerate(records)
    with engine.begin() as connection:
        _staging.create_all(connection)
        while batch := list(itertools.islice(numbered, _BATCH)):
            rows = [_staged_row(arrival, record) for arrival, record in batch if _has_text(record)]
            empty += len(batch) - len(rows)
            if rows:
                _insert(connection, _staged, rows)
            if progress:
                progress(batch[-1][0] + 1)
    return empty


def _has_text(record: Record) -> bool:
    return bool(record.text.replace("\0", "").strip())


def _staged_row(arrival: int, record: Record) -> tuple[str, int, int | None, str | None, str]:
    time = record.timestamp
    written = time.isoformat() if time else None
    return _storable(record.user_id), arrival, _instant(time), written, _storable(record.text)


def _storable(value: str) -> str:
    # JSON can contain NULs and unpaired surrogates, which SQLite's UTF-8 cannot store.
    value = value.replace("\0", "")
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _instant(timestamp: datetime | None) -> int | None:
    """Returns microseconds since 1970, the sort key of times; a time without a zone counts as UTC."""
    if timestamp is None:
        return None
    aware = timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _staged_users(engine: Engine) -> Iterator[tuple[str, list[_Arrived]]]:
    """Yields each user, in the order of the ids, with the user's messages in the order of the records."""
    columns = _staged.c
    query = select(columns.user_id, columns.instant, columns.timestamp, columns.text)
    with engine.connect() as connection:
        rows = connection.execution_options(yield_per=_BATCH).execute(query.order_by(columns.user_id, columns.arrival))
        for user_id, group in itertools.groupby(rows, operator.itemgetter(0)):
            yield user_id, [(instant, timestamp, written) for _, instant, timestamp, written in group]


def _in_order(arrived: list[_Arrived]) -> list[tuple[str | None, str]]:
    """Returns one user's (timestamp, text) without duplicates, in their final order."""
    timed = [message for message in arrived if message[0] is not None]
    if len(timed) == len(arrived):
        arrived = sorted(timed, key=operator.itemgetter(0))
    seen: set[tuple[int, str]] = set()
    kept = []
    for instant, timestamp, written in arrived:
        if instant is not None:
            if (instant, written) in seen:
                continue
            seen.add((instant, written))
        kept.append((timestamp, written))
    return kept


@contextlib.contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not schema.is_corpus(path):
        raise CorpusError(f"{path} exists and is not a corpus: choose another name for the output, or remove the file")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _as_corpus_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if "full" in str(error.orig):
            raise CorpusError(f"the disk is full: free some space and import {path} again") from error
        raise CorpusError(f"cannot write {path} ({error.orig}): check the disk, then import again") from error
    except OSError as error:
        raise CorpusError(f"cannot write {path}: {error.strerror or error}") from error
