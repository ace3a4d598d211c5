"""Which devices there are: one table, through SQLAlchemy so that another database can take its place."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, DateTime, MetaData, String, Table, create_engine, event, func, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from api.serve_error import ServeError

_METADATA = MetaData()
_DEVICES = Table(
    "devices",
    _METADATA,
    Column("id", String(64), primary_key=True),
    Column("created_at", DateTime, nullable=False),  # in UTC: SQLite keeps no zone
)
_EXISTS = select(_DEVICES.c.id)
_COUNT = select(func.count()).select_from(_DEVICES)


class RegistryError(ValueError):
    """The table cannot be read or written now; nothing was changed."""


class DeviceTakenError(ValueError):
    """There is a device of this id already."""


@dataclass(frozen=True)
class Device:
    """A registered device; `created_at` in UTC."""

    id: str
    created_at: datetime


class Registry:
    """The table of devices. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Opens the table in an SQLite file, made where there is none.

        Raises:
            ServeError: the file is damaged or cannot be used.
        """
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its side files the same mode
            # A parameter may be private one day: an error never shows any.
            self._engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
            event.listen(self._engine, "connect", _set_up)
            _METADATA.create_all(self._engine)
        except OSError as error:
            raise ServeError(f"{path} cannot be used: {error.strerror}") from error
        except SQLAlchemyError as error:
            raise ServeError(f"{path} cannot be used: {_cause(error)}; restore it from a copy") from error

    @contextmanager
    def adding(self, device_id: str) -> Iterator[Device]:
        """Registers a device; it is there once the block has ended well, and not at all otherwise.

        Raises:
            DeviceTakenError: the id is in use.
            RegistryError: it cannot be written.
        """
        device = Device(device_id, datetime.now(UTC))
        with _reported(), self._engine.begin() as connection:
            try:
                connection.execute(insert(_DEVICES).values(id=device.id, created_at=device.created_at))
            except IntegrityError as error:
                raise DeviceTakenError("there is a device of this id already") from error
            yield device

    def __contains__(self, device_id: str) -> bool:
        with _reported(), self._engine.connect() as connection:
            return connection.execute(_EXISTS.where(_DEVICES.c.id == device_id)).first() is not None

    def __len__(self) -> int:
        with _reported(), self._engine.connect() as connection:
            return connection.execute(_COUNT).scalar_one()

    def close(self) -> None:
        """Closes the file."""
        self._engine.dispose()


def _set_up(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or type(error).__name__)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise RegistryError(f"the table of devices cannot be used: {_cause(error)}") from error
