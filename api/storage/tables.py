"""The tables of the service's database, as they are after the newest migration (see `migrations`).

A phone's history and adapters are not in the database. They stay in the phone's folder.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Dialect, Float, Integer, MetaData, String, Table, false
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """A time that has a time zone in Python and is stored in UTC without one, because SQLite stores no time zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.replace(tzinfo=UTC)


METADATA = MetaData()

DEVICES = Table(
    "devices",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("deleting", Boolean, nullable=False, server_default=false()),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("device_id", String(64)),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
)

ADAPTATIONS = Table(
    "adaptations",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("device_id", String(64), nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("model_id", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("kept", Boolean),
    Column("reason", String(500)),
    Column("before", Float),
    Column("after", Float),
    Column("tail_words", Integer),
    Column("steps", Integer),
    Column("seconds", Float),
    sqlite_autoincrement=True,  # the id of a deleted row is never used again
)
