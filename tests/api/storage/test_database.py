from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy

from api.devices.registry import Registry
from api.storage.data_folder import ServeError
from api.storage.database import PATIENCE_SECONDS, Database, DatabaseError, parse_url
from api.storage.schema import open_database


@pytest.mark.parametrize(
    "text", ["", "nonsense", "mysql://a@b/c", "sqlite://", "sqlite:///:memory:", "postgresql+", "x:y"]
)
def test_rejects_an_invalid_database_url(text: str) -> None:
    with pytest.raises(ServeError, match=r"postgresql://user@host/name"):
        parse_url(text)


def test_an_error_does_not_contain_the_password() -> None:
    with pytest.raises(ServeError) as error:
        open_database("postgresql://me:hunter2@127.0.0.1:1/none", to_serve=True)
    assert "hunter2" not in str(error.value) and "cannot be used" in str(error.value)


def test_a_failed_transaction_writes_nothing(database: Database) -> None:
    with pytest.raises(KeyError), Registry(database).adding("phone"):
        raise KeyError
    assert len(Registry(database)) == 0


def test_an_sql_error_becomes_our_error_without_the_values(database: Database) -> None:
    with pytest.raises(DatabaseError) as error, database.writing() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO nothing VALUES (:value)"), {"value": "hunter2"})
    assert "nothing" in str(error.value) and "hunter2" not in str(error.value)


def test_only_one_server_can_use_a_postgresql_database(new_postgres: Callable[[], str]) -> None:
    url = new_postgres()
    first = open_database(url, to_serve=True)
    with pytest.raises(ServeError, match="another server runs on"):
        open_database(url, to_serve=True)
    open_database(url, to_serve=False).close()  # `thumbprint access` beside a running server
    first.close()
    open_database(url, to_serve=True).close()


def test_a_locked_file_is_reported_after_the_patience_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "devices.sqlite"
    database = open_database(path, to_serve=True)
    registry = Registry(database)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with database.reading() as connection:
        assert connection.execute(sqlalchemy.text("PRAGMA busy_timeout")).scalar() == 1000 * PATIENCE_SECONDS
    with pytest.raises(DatabaseError, match="locked"), registry.adding("phone"):
        pass
    assert len(registry) == 0  # reading does not wait
    other.execute("ROLLBACK")
    other.close()
    with registry.adding("phone"):
        pass
    assert len(registry) == 1
    database.close()
