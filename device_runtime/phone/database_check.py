"""Checks a phone's SQLite file before anything relies on it: its kind, its pages, its tables and every row.

SQLite finds some kinds of damage only when a query meets them, and others never: an endless loop of pages, a row whose
columns have other types, a trigger that somebody else added. The check is complete and bounded: by the size of the
file, by the number of rows, and by the deadline that the caller sets on the connection. With 20,000 messages it takes
about 1 % of the time in which a phone opens.
"""

from __future__ import annotations

import functools
import math
import os
import sqlite3
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite appends to a database's name for its other files."""
MAX_FILE_BYTES = 256 * 1024 * 1024
"""A full history has 32 MiB of text."""
MAX_ROWS = 100_000
"""Rows of a table. A full history has 21,000 messages."""
MAX_VALUE_BYTES = 64 * 1024 * 1024
"""Bytes of one text; SQLite refuses larger ones."""
_MAX_ID = 2**53
_HEADER = b"SQLite format 3\0"
_VERSIONS = range(1, 3)  # of the file format, for writers and readers: rollback journal or WAL
SALT_BYTES = 16
"""Bytes of the key of the forgotten words' hashes."""


class DamageError(Exception):
    """The file is not an intact database of a phone; the message says what is wrong, to complete "it is damaged: "."""


def check_file(path: Path) -> None:
    """Checks that the database and its side files are missing or plain files of usual size, and the database's header.

    Raises:
        DamageError: they are something else.
        OSError: the file cannot be read.
    """
    for name in ("", *SIDE_FILES):
        try:
            found = os.lstat(f"{path}{name}")
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(found.st_mode):
            raise DamageError(f"{path.name}{name} is not a plain file")
        if found.st_size > MAX_FILE_BYTES:
            raise DamageError(f"{path.name}{name} has {found.st_size:,} bytes, more than a phone ever stores")
    if not path.exists():
        return
    with path.open("rb") as file:
        header = file.read(20)
    if header and (len(header) < 20 or header[:16] != _HEADER or not {*header[18:20]} <= {*_VERSIONS}):
        raise DamageError("it is not a database of SQLite")


def check_pages(db: sqlite3.Connection) -> None:
    """Checks the structure of the file: each page belongs to one tree, and the keys of each tree ascend.

    Raises:
        DamageError: the structure is damaged.
        sqlite3.Error: SQLite cannot read the file.
    """
    found = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        described = str(found[0]).removeprefix("*** in database main ***") if found else "SQLite cannot check it"
        raise DamageError(" ".join(described.split()))


def check_names(db: sqlite3.Connection, schema: str) -> None:
    """Checks that the file has no tables, triggers, views or indexes other than the tables of `schema`.

    Raises:
        DamageError: it has.
        sqlite3.Error: SQLite cannot read the file.
    """
    if not _objects(db).keys() <= _objects_of(schema).keys():
        raise DamageError("it has other tables than a phone's")


def check_schema(db: sqlite3.Connection, schema: str) -> None:
    """Checks that the file has exactly the tables of `schema`, up to white space.

    Raises:
        DamageError: it has others, or triggers, views or indexes.
        sqlite3.Error: SQLite cannot read the file.
    """
    if _objects(db) != _objects_of(schema):
        raise DamageError("it has other tables than a phone's")


def check_rows(db: sqlite3.Connection) -> None:
    """Reads every row and checks that its values are of a kind that the phone writes.

    Raises:
        DamageError: they are not, or a table has more rows than any phone's.
        sqlite3.Error: SQLite cannot read the file.
    """
    for table, usable in _USABLE.items():
        _check_rows(db, table, usable)


def _objects(db: sqlite3.Connection) -> dict[str, str]:
    rows = db.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'").fetchmany(100)
    return {str(name): "".join(str(sql).split()) for name, sql in rows}


@functools.cache
def _objects_of(schema: str) -> dict[str, str]:
    created = ("".join(statement.replace("IF NOT EXISTS", "").split()) for statement in schema.split(";")[:-1])
    return {statement.removeprefix("CREATETABLE").partition("(")[0]: statement for statement in created}


def _check_rows(db: sqlite3.Connection, table: str, usable: Callable[..., bool]) -> None:
    for number, row in enumerate(db.execute(f"SELECT * FROM {table}")):
        if number >= MAX_ROWS:
            raise DamageError(f"the table {table} has more than {MAX_ROWS:,} rows")
        try:
            fits = usable(*row)
        except (TypeError, ValueError):  # a value of another type, or a time that is none
            fits = False
        if not fits:
            raise DamageError(f"the table {table} has a row that no phone wrote")


def _message(message_id: int, at: str | None, words: int, text: str, typed: float) -> bool:
    return (
        0 < message_id < _MAX_ID
        and (at is None or bool(datetime.fromisoformat(at)))
        and isinstance(words, int)
        and isinstance(text, str)
        and 0 <= words <= len(text)
        and math.isfinite(typed)
    )


def _state(*columns: Any) -> bool:
    _, model_id, adapter, strength, due, unclean, incognito, salt = columns
    return (
        isinstance(model_id, str)
        and _is_id(adapter, 0)
        and 0 <= strength <= 1
        and (due is None or isinstance(due, str))
        and isinstance(unclean, int)
        and isinstance(incognito, int)
        and isinstance(salt, bytes)
        and len(salt) == SALT_BYTES
    )


def _adaptation(*columns: Any) -> bool:
    entry, at, cause, model, messages, first, last, first_at, last_at, tail, before, after, *rest = columns
    kept, reason, steps, seconds, replaced, stored = rest
    return (
        all(_is_id(value, 0) for value in (entry, messages, tail, steps, replaced))
        and all(value is None or _is_id(value, 0) for value in (first, last))
        and all(isinstance(value, str) for value in (at, cause, model, reason))
        and all(value is None or bool(datetime.fromisoformat(value)) for value in (at, first_at, last_at))
        and all(value is None or math.isfinite(value) for value in (before, after))
        and all(isinstance(value, int) for value in (kept, stored))
        and math.isfinite(seconds)
    )


def _is_id(value: Any, least: int) -> bool:
    return isinstance(value, int) and least <= value < _MAX_ID


_USABLE: dict[str, Callable[..., bool]] = {
    "messages": _message,
    "state": _state,
    "evidence": lambda _, newest, fallen_back: not newest.strip("01") and fallen_back in (0, 1),
    "forgotten": lambda digest: isinstance(digest, bytes),
    "blocked": lambda word: isinstance(word, str),
    "adaptations": _adaptation,
    "sqlite_sequence": lambda name, last: name == "messages" and _is_id(last, 0),
}
