from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import api.storage.migrations
from api.devices.registry import Registry
from api.storage.data_folder import ServeError
from api.storage.database import Database
from api.storage.schema import HEAD, METADATA, migrate, open_database


def test_the_revisions_lead_to_the_tables(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == HEAD


def test_head_is_the_last_revision() -> None:
    folder = str(Path(api.storage.migrations.__file__).parent)
    assert ScriptDirectory(folder, version_locations=[folder]).get_current_head() == HEAD


def test_a_second_start_changes_nothing(database: Database) -> None:
    with Registry(database).adding("phone"):
        pass
    migrate(database)
    assert len(Registry(database)) == 1


def test_keeps_the_devices_of_a_database_from_before_alembic(tmp_path: Path) -> None:
    path = tmp_path / "devices.sqlite"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE devices (id VARCHAR(64) NOT NULL, created_at DATETIME NOT NULL, PRIMARY KEY (id))")
        old.execute("INSERT INTO devices VALUES ('phone', '2026-01-02 03:04:05.000000')")
    old.close()
    database = open_database(path, to_serve=True)
    found = Registry(database).device("phone")
    assert found.created_at.isoformat() == "2026-01-02T03:04:05+00:00"
    database.close()


def test_rejects_a_database_of_a_newer_version(where: Path | str) -> None:
    database = open_database(where, to_serve=False)
    with database.writing() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(ServeError, match="newer version"):
        open_database(where, to_serve=False)


def test_a_failed_revision_changes_nothing(where: Path | str) -> None:
    database = Database(where)
    with database.writing() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE api_keys (id INTEGER)"))  # conflicts with the second revision
    database.close()
    with pytest.raises(ServeError, match="api_keys"):
        open_database(where, to_serve=False)
    database = Database(where)
    with database.reading() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == ["api_keys"]
    database.close()


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE devices RENAME COLUMN deleting TO other", "DROP TABLE api_keys", "DROP TABLE adaptations"],
)
def test_rejects_a_database_without_a_table_or_column(tmp_path: Path, change: str) -> None:
    """`benchmarks.fuzz` found it: the service started, or ended in a traceback."""
    path = tmp_path / "devices.sqlite"
    open_database(path, to_serve=True).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)
    with pytest.raises(ServeError, match="cannot be used: no such"):
        open_database(path, to_serve=True)


def test_rejects_a_database_with_a_damaged_page(tmp_path: Path) -> None:
    path = tmp_path / "devices.sqlite"
    open_database(path, to_serve=True).close()
    content = bytearray(path.read_bytes())
    last = len(content) - 4096
    content[last : last + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(ServeError, match=r"damaged|malformed"):
        open_database(path, to_serve=True)
