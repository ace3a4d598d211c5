"""The schema of the service's database: its tables, and the upgrade of an older database when the service starts.

A phone's history and adapters are not in the database. They stay in the phone's folder. The upgrade runs Alembic's
revisions in `migrations`. Alembic is imported only if an upgrade is necessary, because the import takes 0.2 s.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Dialect,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    false,
    inspect,
    select,
    text,
)
from sqlalchemy.types import TypeDecorator

from api.storage.data_folder import ServeError
from api.storage.database import Database, DatabaseError


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


HEAD = "0002"
"""The newest revision."""
_MIGRATION_LOCK = 0x6D696772
"""Key of the advisory lock of PostgreSQL for a migration. SQLite allows only one writer at a time anyway."""


def open_database(where: Path | str, to_serve: bool) -> Database:
    """Opens a database and upgrades it to the newest schema.

    Args:
        where: Path of an SQLite file, made if it is missing, or the URL of a database.
        to_serve: Whether to lock it as its only server (see `Database.claim`).

    Raises:
        ServeError: the database cannot be reached, is damaged, is in use by another server, or was written by a newer
            version of this program.
    """
    database = Database(where)
    try:
        if to_serve:
            database.claim()
        migrate(database)
        _require_intact(database)
        return database
    except DatabaseError as error:
        database.close()
        raise ServeError(f"{database.name} {str(error).removeprefix('the database ')}") from error
    except BaseException:
        database.close()
        raise


def migrate(database: Database) -> None:
    """Runs the revisions that the database lacks, all in one transaction.

    Raises:
        ServeError: a newer version of this program wrote the database.
        DatabaseError: the database is damaged or cannot be written.
    """
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        current = _revision(connection)
        if current != HEAD:
            _upgrade(database, connection, current)


def _require_intact(database: Database) -> None:
    """Reads every page of an SQLite file, and asks for every column.

    Raises:
        DatabaseError: a page is damaged, or a table or column is missing, although the revision is the newest.
    """
    with database.reading() as connection:
        if database.is_sqlite and (found := connection.execute(text("PRAGMA quick_check(1)")).scalar()) != "ok":
            raise DatabaseError(f"the database is damaged: {found}")
        for table in METADATA.tables.values():
            connection.execute(select(table).limit(0))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(database: Database, connection: Connection, current: str | None) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError

    folder = str(Path(__file__).with_name("migrations"))
    scripts = ScriptDirectory(folder, version_locations=[folder])
    try:
        revisions = list(scripts.iterate_revisions(HEAD, current or "base"))
    except RevisionError as error:
        raise ServeError(
            f"a newer version of this program ({current}) wrote {database.name}: update this one"
        ) from error
    context = MigrationContext.configure(connection)
    with Operations.context(context):
        for revision in reversed(revisions):
            revision.module.upgrade()
    context.stamp(scripts, HEAD)
