"""Damages SQLite files: their pages (https://sqlite.org/fileformat.html), and their rows and schema."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import struct
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.fuzz.mutators import json_values, raw_bytes

_HEADER = (16, 18, 19, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 92, 96)
"""Positions of the header's fields."""


def mutate(chance: random.Random, data: bytes) -> bytes:
    """Returns the database with damaged pages, or with rows and tables that its program never wrote."""
    return chance.choice((damage_pages, damage_pages, damage_rows))(chance, data)


def damage_pages(chance: random.Random, data: bytes) -> bytes:
    """Returns the database with exchanged, zeroed or changed pages, another header, or a cut end."""
    size = struct.unpack_from(">H", data, 16)[0] if len(data) > 100 else 4096
    size = 65_536 if size == 1 else max(size, 512)
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        pages = max(1, len(changed) // size)
        one, other = size * chance.randrange(pages), size * chance.randrange(pages)
        match chance.randrange(7):
            case 0:
                first, second = bytes(changed[one : one + size]), bytes(changed[other : other + size])
                changed[one : one + size], changed[other : other + size] = second, first
            case 1:
                changed[other : other + size] = changed[one : one + size]
            case 2:
                changed[one : one + size] = bytes(size)
            case 3:
                at = chance.choice(_HEADER)
                changed[at : at + 4] = struct.pack(">I", chance.choice(raw_bytes.INTEGERS) % 2**32)
            case 4 | 5:  # the page's header, or the pointers to its cells
                at = one + (100 if one == 0 else 0) + chance.randrange(40)
                changed[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                del changed[chance.choice((one, one + chance.randrange(size))) or size :]
    return bytes(changed)


def damage_rows(chance: random.Random, data: bytes) -> bytes:
    """Returns the database with odd values, without columns' types, or with other tables."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "db"
        path.write_bytes(data)
        opened = contextlib.closing(sqlite3.connect(path, isolation_level=None))
        with opened as db, contextlib.suppress(sqlite3.Error):
            for _ in range(chance.randint(1, 3)):
                _statement(chance, db)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return path.read_bytes()


def _statement(chance: random.Random, db: sqlite3.Connection) -> None:
    tables = [str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    if not tables:  # an earlier statement dropped the last one
        return
    table = chance.choice(tables)
    columns = [str(row[1]) for row in db.execute(f'PRAGMA table_info("{table}")')]
    column = chance.choice(columns) if columns else "x"
    match chance.randrange(8):
        case 0 | 1 | 2:
            db.execute(f'UPDATE OR IGNORE "{table}" SET "{column}" = ?', (_value(chance),))
        case 3:
            marks = ", ".join("?" * len(columns))
            db.execute(f'INSERT OR IGNORE INTO "{table}" VALUES ({marks})', [_value(chance) for _ in columns])
        case 4:
            db.execute(chance.choice((f'DELETE FROM "{table}"', f'DROP TABLE "{table}"')))
        case 5:
            db.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO other')
        case 6:
            db.execute(
                f"PRAGMA {chance.choice(('user_version', 'application_id'))} = {chance.choice((0, 1, 2, 99, -1))}"
            )
        case _:
            db.execute("PRAGMA writable_schema = ON")
            db.execute(
                "UPDATE sqlite_master SET sql = replace(sql, ?, ?)",
                (chance.choice((column, "NOT NULL", "PRIMARY KEY")), ""),
            )


def _value(chance: random.Random) -> Any:
    value = chance.choice((json_values.odd(chance), chance.randbytes(chance.randrange(20)), chance.randrange(-5, 5)))
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bool | bytes | float) or value is None:
        return value
    return value if isinstance(value, int) and abs(value) < 2**63 else str(value)[:100]
