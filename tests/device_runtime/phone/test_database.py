"""The phone's SQLite file: private, whole transactions, no bytes left, old ones understood."""

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
def store(tmp_path: Path) -> PhoneDatabase:
    return PhoneDatabase(tmp_path / "history.sqlite")


def insert(store: PhoneDatabase, text: str) -> None:
    with store.transaction() as db:
        db.execute("INSERT INTO messages (words, text) VALUES (1, ?)", (text,))


def test_only_the_owner_can_read_it(tmp_path: Path, store: PhoneDatabase) -> None:
    insert(store, "secret")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["history.sqlite", "history.sqlite-wal", "history.sqlite-shm"], 0o600)


def test_it_survives_a_crash_by_its_settings(store: PhoneDatabase) -> None:
    assert store.rows("PRAGMA journal_mode") == [("wal",)]
    assert store.rows("PRAGMA synchronous") == [(2,)]
    assert store.rows("PRAGMA secure_delete") == [(1,)]


def test_a_part_that_fails_takes_the_whole_back(store: PhoneDatabase) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction():
        insert(store, "one")
        with store.transaction():
            insert(store, "two")
        print(1 // 0)
    assert store.rows("SELECT count(*) FROM messages") == [(0,)]
    insert(store, "three")
    assert store.rows("SELECT text FROM messages") == [("three",)]


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"noise" * 1000)
    with pytest.raises(PhoneDatabaseError, match="not a database"):
        PhoneDatabase(tmp_path / "noise")
    with pytest.raises(PhoneDatabaseError, match="cannot be opened"):
        PhoneDatabase(tmp_path / "missing" / "h")
    (tmp_path / "folder").mkdir()
    with pytest.raises(PhoneDatabaseError):
        PhoneDatabase(tmp_path / "folder")


def test_a_newer_programs_store_is_left_alone(store: PhoneDatabase) -> None:
    store.rows("PRAGMA user_version=99")
    store.close()
    with pytest.raises(PhoneDatabaseError, match="newer"):
        PhoneDatabase(store.path)


def test_a_closed_store_says_so(store: PhoneDatabase) -> None:
    store.close()
    with pytest.raises(PhoneDatabaseError, match="closed"):
        store.rows("SELECT 1")


def test_the_first_versions_messages_are_taken_over(tmp_path: Path) -> None:
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


def test_a_time_without_a_zone_is_utc() -> None:
    assert seconds(datetime(1970, 1, 2)) == seconds(datetime(1970, 1, 2, tzinfo=UTC)) == 86_400
