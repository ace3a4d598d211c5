"""The schema of the service's database: its tables, and the upgrade of an older database when the service starts.

A phone's history and adapters are not in the database. They stay in the phone's folder. The upgrade runs Alembic's
revisions in `migrations`. Alembic is imported only if an upgrade is necessary, because the import takes 0.2 s.

SQLite stores any value in any column (https://sqlite.org/datatype3.html), so the start also looks for values that no
version of this program wrote. Later, each of them would be an internal error of the service.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    case,
    false,
    func,
    inspect,
    or_,
    select,
    text,
    type_coerce,
)
from sqlalchemy.types import TypeDecorator

from api.schemas.adaptations import State
from api.schemas.base import KeyScope
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


_VALUES = "values"
"""In a column's `info`: the texts that the column can hold."""
_NEEDED_IF = "needed if"
"""In a column's `info`: the states in which the column has a value."""

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
    Column("scope", String(16), nullable=False, info={_VALUES: tuple(KeyScope)}),
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
    Column("state", String(16), nullable=False, index=True, info={_VALUES: tuple(State)}),
    Column("model_id", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("kept", Boolean, info={_NEEDED_IF: (State.DONE,)}),
    Column("reason", String(500), info={_NEEDED_IF: (State.DONE, State.FAILED)}),
    Column("before", Float),
    Column("after", Float),
    Column("tail_words", Integer, info={_NEEDED_IF: (State.DONE,)}),
    Column("steps", Integer),
    Column("seconds", Float),
    sqlite_autoincrement=True,  # the id of a deleted row is never used again
)


HEAD = "0002"
"""The newest revision."""
_TIME = "{0}{0}{0}{0}-{0}{0}-{0}{0} {0}{0}:{0}{0}:{0}{0}.{0}{0}{0}{0}{0}{0}".format("[0-9]")
_LARGEST = 1e300
"""No number in a table is larger. JSON has no infinity."""
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
        raise database.unusable(error) from error
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
    """Reads every page, index and value of an SQLite file, and asks for every column.

    Raises:
        DatabaseError: a page or a value is damaged, or a table or column is missing, although the revision is the
            newest.
    """
    with database.reading() as connection:
        if database.is_sqlite and (found := connection.execute(text("PRAGMA integrity_check(1)")).scalar()) != "ok":
            raise DatabaseError(f"the database is damaged: {found}")
        for table in METADATA.tables.values():
            connection.execute(select(table).limit(0))
            if database.is_sqlite and (foreign := _foreign_columns(connection, table)):
                raise DatabaseError(
                    f"the database is damaged: the table {table.name} has a foreign value in {', '.join(foreign)}"
                )


def _foreign_columns(connection: Connection, table: Table) -> list[str]:
    """Returns the columns in which a row of an SQLite table has a value that this program cannot have written."""
    found = connection.execute(select(*(func.max(case((_written(column), 0), else_=1)) for column in table.c))).one()
    return [column.name for column, foreign in zip(table.c, found, strict=True) if foreign]


def _written(column: Column[Any]) -> ColumnElement[bool]:
    """Returns the SQLite condition that a stored value is one that this program can write into the column."""
    kind, value = func.typeof(column), type_coerce(column, String)
    match column.type:
        case UtcTime():  # Python has no year 0. Adding 0 days makes SQLite turn 31 February into 3 March.
            good = and_(
                kind == "text",
                value.op("GLOB")(_TIME),
                func.date(func.substr(value, 1, 19), "+0 days") == func.substr(value, 1, 10),
                func.substr(value, 1, 4) != "0000",
            )
        case Boolean():
            good = and_(kind == "integer", type_coerce(column, Integer).in_((0, 1)))
        case Float():
            good = and_(kind.in_(("real", "integer")), type_coerce(column, Float).between(-_LARGEST, _LARGEST))
        case Integer():
            good = kind == "integer"
        case _:
            good = kind == "text"
    if values := column.info.get(_VALUES):
        good = and_(good, value.in_(values))
    if not column.nullable:
        return good
    states = column.info.get(_NEEDED_IF, ())
    return or_(good, and_(column.is_(None), column.table.c.state.not_in(states)) if states else column.is_(None))


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
