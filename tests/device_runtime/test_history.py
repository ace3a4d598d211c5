"""The message store: in order, private, bounded, and really empty once cleared."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from device_runtime.history import Entry, History, HistoryError


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.sqlite")


def test_messages_come_back_in_order(tmp_path: Path, history: History) -> None:
    at = datetime(2015, 3, 9, 12, 30, tzinfo=UTC)
    history.add("first", at)
    history.add_many([Entry("second"), Entry("third \0 \N{GRINNING FACE} 中文")])
    expected = [Entry("first", at), Entry("second"), Entry("third \0 \N{GRINNING FACE} 中文")]
    assert list(history.messages()) == expected
    history.close()
    assert list(History(tmp_path / "history.sqlite").messages()) == expected


def test_only_the_owner_can_read_it(tmp_path: Path, history: History) -> None:
    history.add("secret")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["history.sqlite", "history.sqlite-wal", "history.sqlite-shm"], 0o600)


def test_the_newest_words(history: History) -> None:
    history.add_many([Entry("a b c"), Entry("..."), Entry("d e"), Entry("f")])
    assert history.newest_words(1) == ["f"]
    assert history.newest_words(2) == ["d e", "f"]
    assert history.newest_words(4) == ["a b c", "...", "d e", "f"]
    assert history.newest_words(100) == ["a b c", "...", "d e", "f"]
    assert history.newest_words(0) == []


def test_the_oldest_go_first(tmp_path: Path) -> None:
    history = History(tmp_path / "h", max_messages=100)
    assert not any(history.add(str(i)) for i in range(105))
    assert history.add("105")
    assert [entry.text for entry in history.messages()] == [str(i) for i in range(6, 106)]
    assert len(history) == 100


def test_nothing_of_a_cleared_history_stays_on_disk(tmp_path: Path, history: History) -> None:
    history.add_many(Entry(f"unmistakable {i}") for i in range(500))
    assert any(b"unmistakable" in path.read_bytes() for path in tmp_path.iterdir())
    history.clear()
    assert (len(history), list(history.messages())) == (0, [])
    assert not any(b"unmistakable" in path.read_bytes() for path in tmp_path.iterdir())


def test_broken_text_is_stored_without_what_breaks_it(history: History) -> None:
    history.add("half \ud83d a pair")
    assert list(history.messages()) == [Entry("half ? a pair")]


def test_all_or_nothing(history: History) -> None:
    with pytest.raises(ZeroDivisionError):
        history.add_many(Entry(str(1 // (3 - i))) for i in range(5))
    assert len(history) == 0


def test_what_is_no_history_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(b"noise" * 1000)
    with pytest.raises(HistoryError, match="not a database"):
        History(tmp_path / "noise")
    with pytest.raises(HistoryError, match="cannot be opened"):
        History(tmp_path / "missing" / "h")
    (tmp_path / "folder").mkdir()
    with pytest.raises(HistoryError):
        History(tmp_path / "folder")


def test_a_newer_programs_history_is_left_alone(tmp_path: Path, history: History) -> None:
    history._db.execute("PRAGMA user_version=99")
    history.close()
    with pytest.raises(HistoryError, match="newer"):
        History(tmp_path / "history.sqlite")


def test_a_full_disk_loses_nothing(history: History) -> None:
    history.add("kept")
    pages = history._db.execute("PRAGMA page_count").fetchone()[0]
    history._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(HistoryError, match="full"):
        history.add("x" * 1_000_000)
    assert list(history.messages()) == [Entry("kept")]
    history.add("and goes on")
    assert len(history) == 2


def test_many_pages_of_messages(history: History) -> None:
    history.add_many(Entry(str(i)) for i in range(1234))
    assert [entry.text for entry in history.messages()] == [str(i) for i in range(1234)]
