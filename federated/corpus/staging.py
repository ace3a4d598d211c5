"""Sorts the records of an import: they arrive in any order and leave grouped by user.

Records are staged in a table keyed by user and arrival, so memory holds the messages of only one user, however long
the source is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, insert, select

from federated.corpus.schema import Progress, Record

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


def stage(engine: Engine, records: Iterable[Record], progress: Progress | None) -> int:
    """Stages every record that has text; returns how many had none."""
    empty = 0
    numbered = enumerate(records)
    with engine.begin() as connection:
        _staging.create_all(connection)
        while batch := list(itertools.islice(numbered, _BATCH)):
            rows = [row for row in map(_staged_row, *zip(*batch, strict=True)) if row["text"].strip()]
            empty += len(batch) - len(rows)
            if rows:
                connection.execute(insert(_staged), rows)
            if progress:
                progress(batch[-1][0] + 1)
    return empty


def _staged_row(arrival: int, record: Record) -> dict[str, Any]:
    return {
        "user_id": _storable(record.user_id),
        "arrival": arrival,
        "instant": _instant(record.timestamp),
        "timestamp": record.timestamp.isoformat() if record.timestamp else None,
        "text": _storable(record.text),
    }


def _storable(value: str) -> str:
    # JSON may contain NULs and unpaired surrogates; SQLite's UTF-8 can store neither.
    value = value.replace("\0", "")
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _instant(timestamp: datetime | None) -> int | None:
    """Returns microseconds since 1970, the sort key of times; a time without a zone is taken as UTC."""
    if timestamp is None:
        return None
    aware = timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def staged_users(engine: Engine) -> Iterator[tuple[str, list[Any]]]:
    """Yields each user, in the order of their ids, with their rows in the order they arrived."""
    query = select(_staged).order_by(_staged.c.user_id, _staged.c.arrival)
    with engine.connect() as connection:
        rows = connection.execution_options(yield_per=_BATCH).execute(query)
        for user_id, group in itertools.groupby(rows, lambda row: str(row.user_id)):
            yield user_id, list(group)


def in_order(arrived: list[Any]) -> list[tuple[str | None, str]]:
    """Returns one user's (timestamp, text) without duplicates, in the order they were written."""
    if all(row.instant is not None for row in arrived):
        arrived = sorted(arrived, key=lambda row: int(row.instant))
    seen: set[tuple[int, str]] = set()
    kept = []
    for row in arrived:
        if row.instant is not None:
            if (row.instant, row.text) in seen:
                continue
            seen.add((row.instant, row.text))
        kept.append((row.timestamp, row.text))
    return kept
