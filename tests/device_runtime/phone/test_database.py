"""The phone's SQLite file is private, transactional, leaves no bytes, and reads older versions."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from device_runtime.phone.database import PhoneDatabase, PhoneDatabaseError, seconds
from device_runtime.phone.message_history import MessageHistory


@pytest.fixture
def database(tmp_path: Path) -> PhoneDatabase:
    return PhoneDatabase(tmp_path / "history.sqlite")


def insert(database: PhoneDatabase, text: str) -> None:
    with database.transaction() as db:
        db.execute("INSERT INTO messages (words, text) VALUES (1, ?)", (text,))


def test_only_the_owner_can_read_the_files(tmp_path: Path, database: PhoneDatabase) -> None:
    insert(database, "secret")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["history.sqlite", "history.sqlite-wal", "history.sqlite-shm"], 0o600)


def test_the_settings_make_transactions_survive_a_crash(database: PhoneDatabase) -> None:
    assert database.rows("PRAGMA journal_mode") == [("wal",)]
    assert database.rows("PRAGMA synchronous") == [(2,)]
    assert database.rows("PRAGMA secure_delete") == [(1,)]


def test_an_error_rolls_back_nested_transactions(database: PhoneDatabase) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction():
        insert(database, "one")
        with database.transaction():
            insert(database, "two")
        print(1 // 0)
    assert database.rows("SELECT count(*) FROM messages") == [(0,)]
    insert(database, "three")
    assert database.rows("SELECT text FROM messages") == [("three",)]


def test_rejects_paths_that_are_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"noise" * 1000)
    with pytest.raises(PhoneDatabaseError, match="not a database"):
        PhoneDatabase(tmp_path / "noise")
    with pytest.raises(PhoneDatabaseError, match="cannot be opened"):
        PhoneDatabase(tmp_path / "missing" / "h")
    (tmp_path / "folder").mkdir()
    with pytest.raises(PhoneDatabaseError):
        PhoneDatabase(tmp_path / "folder")


def test_rejects_the_database_of_a_newer_program(database: PhoneDatabase) -> None:
    database.rows("PRAGMA user_version=99")
    database.close()
    with pytest.raises(PhoneDatabaseError, match="newer"):
        PhoneDatabase(database.path)


def test_a_closed_database_raises_an_error(database: PhoneDatabase) -> None:
    database.close()
    with pytest.raises(PhoneDatabaseError, match="closed"):
        database.rows("SELECT 1")


def test_migrates_the_messages_of_version_1(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old")) as db:
        columns = "id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, words INTEGER NOT NULL, text TEXT NOT NULL"
        db.execute(f"CREATE TABLE messages ({columns})")
        db.execute("INSERT INTO messages (at, words, text) VALUES ('2015-03-09T12:00:00+00:00', 1, 'timed')")
        db.execute("INSERT INTO messages (at, words, text) VALUES (NULL, 1, 'untimed')")
        db.execute("PRAGMA user_version=1")
        db.commit()
    history = MessageHistory(PhoneDatabase(tmp_path / "old"))
    assert [message.text for message in history.messages()] == ["timed", "untimed"]
    assert history.delete_since(datetime(2015, 3, 9, tzinfo=UTC)) == [1]


def test_a_phone_of_version_3_gets_the_table_that_it_lacks(database: PhoneDatabase) -> None:
    database.rows("DROP TABLE evidence")
    database.rows("PRAGMA user_version=3")
    database.close()
    with closing(PhoneDatabase(database.path)) as migrated:
        assert migrated.rows("SELECT * FROM evidence") == []
        assert migrated.rows("PRAGMA user_version") == [(4,)]


def test_a_time_without_a_zone_is_utc() -> None:
    assert seconds(datetime(1970, 1, 2)) == seconds(datetime(1970, 1, 2, tzinfo=UTC)) == 86_400
