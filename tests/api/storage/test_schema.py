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


def test_rejects_a_database_whose_index_does_not_fit_its_table(tmp_path: Path) -> None:
    path = tmp_path / "devices.sqlite"
    open_database(path, to_serve=True).close()
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name LIKE 'ix_%state'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        index = slice((root - 1) * size, root * size)
        empty = path.read_bytes()[index]
        connection.execute(JOB.format(**VALUES))
        connection.commit()
    content = bytearray(path.read_bytes())
    content[index] = empty
    path.write_bytes(content)
    with pytest.raises(ServeError, match=r"damaged: .* index ix_adaptations_state"):
        open_database(path, to_serve=True)


DEVICE = "INSERT INTO devices VALUES ({id}, {at}, {deleting})"
KEY = "INSERT INTO api_keys VALUES ('k', 'n', {scope}, NULL, 'd', '2024-05-01 18:30:00.000000', {revoked})"
JOB = (
    "INSERT INTO adaptations VALUES (1, 'a', {state}, 'm', '2024-05-01 18:30:00.000000', NULL, "
    "{kept}, {reason}, {before}, 1.5, {words}, 3, {seconds})"
)
VALUES = {
    "id": "'a'",
    "at": "'2024-05-01 18:30:00.000000'",
    "deleting": "0",
    "scope": "'read'",
    "revoked": "NULL",
    "state": "'done'",
    "kept": "1",
    "reason": "'better'",
    "before": "2.5",
    "words": "7",
    "seconds": "0.5",
}


def with_row(path: Path, statement: str, **changed: str) -> Path:
    """Returns an empty database after one statement, whose values are `VALUES` but for those that are given."""
    open_database(path, to_serve=True).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement.format(**VALUES | changed))
    return path


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        (DEVICE, {}),
        (DEVICE, {"at": "'0999-02-28 00:00:00.000000'", "deleting": "1"}),
        (KEY, {"revoked": "'2024-02-29 23:59:59.999999'"}),
        (JOB, {"before": "NULL", "words": "0"}),
        (JOB, {"before": "3"}),
        *(
            (JOB, {"state": f"'{state}'", "kept": "NULL", "words": "NULL", "reason": "NULL"})
            for state in ("queued", "running")
        ),
        (JOB, {"state": "'failed'", "kept": "NULL", "words": "NULL", "reason": "'no text'"}),
    ],
)
def test_opens_a_database_with_rows_of_this_program(tmp_path: Path, statement: str, changed: dict[str, str]) -> None:
    open_database(with_row(tmp_path / "devices.sqlite", statement, **changed), to_serve=True).close()


@pytest.mark.parametrize(
    ("statement", "changed", "column"),
    [
        (DEVICE, {"id": "x'1fa994'"}, "id"),
        *(
            (DEVICE, {"at": value}, "created_at")
            for value in (
                *("-1e-320", "7", "''", "'2024'", "'soon'", "x'00'", "'2023-02-30 00:00:00.000000'"),
                *("'2024-05-01 24:30:00.000000'", "'0000-05-01 18:30:00.000000'", "'2024-05-01 18:30:00 noon'"),
            )
        ),
        *((DEVICE, {"deleting": value}, "deleting") for value in ("2", "0.5", "'no'")),
        *((KEY, {"scope": value}, "scope") for value in ("'root'", "2", "''")),
        (KEY, {"revoked": "'never'"}, "revoked_at"),
        *((JOB, {"state": value}, "state") for value in ("'paused'", "1")),
        *((JOB, {"kept": value}, "kept") for value in ("NULL", "7", "'yes'")),
        *((JOB, {"words": value}, "tail_words") for value in ("NULL", "0.5", "x'01'")),
        *((JOB, {"reason": value}, "reason") for value in ("NULL", "x'ff'")),
        (JOB, {"state": "'failed'", "reason": "NULL"}, "reason"),
        *((JOB, {"before": value}, "before") for value in ("9e999", "-9e999", "'low'")),
        (JOB, {"seconds": "9e999"}, "seconds"),
    ],
)
def test_rejects_a_database_with_a_value_that_this_program_does_not_write(
    tmp_path: Path, statement: str, changed: dict[str, str], column: str
) -> None:
    """`benchmarks.fuzz` found it: the service started, and answered with an internal error."""
    path = with_row(tmp_path / "devices.sqlite", statement, **changed)
    with pytest.raises(ServeError, match=rf"is damaged: the table \w+ has a foreign value in {column}\b"):
        open_database(path, to_serve=True)
