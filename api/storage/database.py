"""The service's database through SQLAlchemy: an SQLite file, or PostgreSQL by its URL."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from api.storage.data_folder import ServeError

PATIENCE_SECONDS = 2
"""How long a request waits while another program has locked the database."""
TURN_SECONDS = 10
"""How long a change waits for the changes of other requests of this process."""
_SERVER_LOCK = 0x7468756D
"""Key of the advisory lock of PostgreSQL that the server holds while it runs ("thum")."""


class DatabaseError(ValueError):
    """The database cannot be read or written now. Nothing was changed."""


class Database:
    """An open database. Safe to use from several threads."""

    def __init__(self, where: Path | str) -> None:
        """Connects on first use.

        Args:
            where: Path of an SQLite file, made if it is missing, or the URL of a database.

        Raises:
            ServeError: the URL is malformed, or the file cannot be used.
        """
        url = sqlite_url(where) if isinstance(where, Path) else parse_url(where)
        self.name = url.render_as_string(hide_password=True)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            _make_private(str(url.database))
        # Values can be private, so no error must show them.
        self._engine = create_engine(
            url, hide_parameters=True, pool_timeout=10, **({} if self.is_sqlite else _POSTGRES)
        )
        self._reads = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        if self.is_sqlite:
            _set_up_sqlite(self._engine)
        self._claim: Connection | None = None
        # SQLite lets writers wait by trying again at random, so with many threads some wait too long. A lock is fair.
        self._turn = threading.Lock() if self.is_sqlite else None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yields a connection for reading. Each read sees what was committed before it.

        Raises:
            DatabaseError: the database cannot be read.
        """
        with sqlalchemy_errors(), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yields a transaction. It is committed when the block ends, and rolled back if the block raises an exception.

        Raises:
            DatabaseError: the database cannot be written.
        """
        with self._writer_turn(), sqlalchemy_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _writer_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=TURN_SECONDS):
            raise DatabaseError("the database cannot be used: too many changes wait for it")
        try:
            yield
        finally:
            self._turn.release()

    def claim(self) -> None:
        """Locks the database for this server until `close`. For an SQLite file, the lock of the data folder is enough.

        Raises:
            ServeError: another server runs on the database.
            DatabaseError: the database cannot be reached.
        """
        if self.is_sqlite:
            return
        with sqlalchemy_errors():
            self._claim = self._reads.connect()
            free = self._claim.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _SERVER_LOCK}).scalar_one()
        if not free:
            raise ServeError(f"another server runs on {self.name}: stop it first or use another database")

    def unusable(self, error: DatabaseError) -> ServeError:
        """Returns the error that ends a start of the service, with the name of the database."""
        return ServeError(f"{self.name} {str(error).removeprefix('the database ')}")

    def close(self) -> None:
        """Closes every connection."""
        if self._claim is not None:
            self._claim.invalidate()  # keep it out of SQLAlchemy's pool, so that closing it releases its lock
            self._claim.close()
        self._engine.dispose()


_POSTGRES: dict[str, Any] = {
    "pool_pre_ping": True,
    "connect_args": {
        "connect_timeout": 5,
        "options": "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=60s",
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    },
}
"""The deadlines of PostgreSQL: no request waits longer for a server that hangs or has vanished."""


def sqlite_url(path: Path) -> URL:
    """Returns the URL of an SQLite file."""
    return URL.create("sqlite", database=str(path))


def parse_url(text: str) -> URL:
    """Parses a URL. Raises ServeError unless it is the URL of an SQLite file or a PostgreSQL database."""
    try:
        url = make_url(text)
        kind = url.get_backend_name()
    except (ArgumentError, SQLAlchemyError, ValueError) as error:
        raise ServeError("not a valid database URL: write postgresql://user@host/name or sqlite:///file") from error
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite")
    if kind == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise ServeError("the database must be PostgreSQL (postgresql://user@host/name) or an SQLite file (sqlite:///file)")


def cause(error: SQLAlchemyError) -> str:
    """Returns the reason for an error, without the SQL statement."""
    return str(getattr(error, "orig", None) or type(error).__name__).strip()


@contextmanager
def sqlalchemy_errors() -> Iterator[None]:
    """Converts SQLAlchemy's errors to DatabaseError."""
    try:
        yield
    except SQLAlchemyError as error:
        raise DatabaseError(f"the database cannot be used: {cause(error)}") from error


def _make_private(path: str) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its other files the same mode
    except OSError as error:
        raise ServeError(f"{path} cannot be used: {error.strerror}") from error


def _set_up_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def pragmas(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # otherwise Python's sqlite3 begins transactions by itself
        for pragma in (f"busy_timeout={1000 * PATIENCE_SECONDS}", "journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Lock at once: a transaction that reads first and writes later could be refused halfway.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
