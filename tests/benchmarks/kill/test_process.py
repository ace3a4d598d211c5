"""A word in the bytes of a folder is found wherever it stands."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.kill.process import Violation, require_gone


def test_a_word_on_a_free_page_or_in_the_write_ahead_log_is_found(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL").fetchall()
        db.execute("PRAGMA secure_delete=OFF").fetchall()
        db.execute("CREATE TABLE texts (text TEXT)")
        db.execute("INSERT INTO texts VALUES ('Meet Zorblatt')")
        with pytest.raises(Violation, match="zorblatt stands in db-wal"):
            require_gone(tmp_path, ["zorblatt"])
        db.execute("DELETE FROM texts")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with pytest.raises(Violation, match=r"zorblatt stands in db$"):  # SQLite only unlinks what is deleted
            require_gone(tmp_path, ["zorblatt"])
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        require_gone(tmp_path, ["zorblatt"])
