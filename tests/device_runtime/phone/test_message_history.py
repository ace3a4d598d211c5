"""The messages keep their order, are bounded, and leave no bytes when they are deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from device_runtime.phone.database import PhoneDatabase, PhoneDatabaseError
from device_runtime.phone.message_history import Entry, MessageHistory

NOON = datetime(2015, 3, 9, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> PhoneDatabase:
    return PhoneDatabase(tmp_path / "history.sqlite")


@pytest.fixture
def history(database: PhoneDatabase) -> MessageHistory:
    return MessageHistory(database)


def texts(history: MessageHistory) -> list[str]:
    return [message.text for message in history.messages()]


def newest(history: MessageHistory, words: int) -> list[str]:
    return [message.text for message in history.newest(words)]


def test_messages_come_back_in_order(database: PhoneDatabase, history: MessageHistory) -> None:
    history.add("first", NOON)
    history.add_many([Entry("second"), Entry("third \0 \N{GRINNING FACE} 中文")])
    expected = [Entry("first", NOON), Entry("second"), Entry("third \0 \N{GRINNING FACE} 中文")]
    assert [Entry(message.text, message.at) for message in history.messages()] == expected
    database.close()
    again = MessageHistory(PhoneDatabase(database.path))
    assert [Entry(message.text, message.at) for message in again.messages()] == expected


def test_newest_returns_whole_messages_with_enough_words(history: MessageHistory) -> None:
    history.add_many([Entry("a b c"), Entry("..."), Entry("d e"), Entry("f")])
    assert newest(history, 1) == ["f"]
    assert newest(history, 2) == ["d e", "f"]
    assert newest(history, 4) == ["a b c", "...", "d e", "f"]
    assert newest(history, 100) == ["a b c", "...", "d e", "f"]
    assert newest(history, 0) == []


def test_drops_the_oldest_messages_beyond_the_limit(database: PhoneDatabase) -> None:
    history = MessageHistory(database, max_messages=100)
    assert not any(history.add(str(i)) for i in range(105))
    assert history.add("105")
    assert texts(history) == [str(i) for i in range(6, 106)]
    assert len(history) == 100


def test_never_exceeds_the_limit_in_bytes(database: PhoneDatabase) -> None:
    history = MessageHistory(database, max_bytes=1000)
    for i in range(300):
        history.add(f"{i:09} ü")  # 12 bytes
        assert sum(len(text.encode()) for text in texts(history)) <= 1000
    kept = texts(history)
    assert kept == [f"{i:09} ü" for i in range(300 - len(kept), 300)]
    assert len(kept) >= 70
    with pytest.raises(PhoneDatabaseError, match="1,001 bytes"):
        history.add("x" * 1001)
    assert texts(history) == kept


def test_counts_bytes_again_after_a_deletion(database: PhoneDatabase) -> None:
    history = MessageHistory(database, max_bytes=1000)
    history.add_many(Entry("x" * 90) for _ in range(11))
    history.clear()
    assert not any(history.add("y" * 90) for _ in range(11))


def test_no_byte_of_a_cleared_history_stays_on_disk(
    tmp_path: Path, database: PhoneDatabase, history: MessageHistory
) -> None:
    history.add_many(Entry(f"unmistakable {i}") for i in range(500))
    assert any(b"unmistakable" in path.read_bytes() for path in tmp_path.iterdir())
    history.clear()
    database.scrub()
    assert (len(history), texts(history)) == (0, [])
    assert not any(b"unmistakable" in path.read_bytes() for path in tmp_path.iterdir())


def test_invalid_characters_are_replaced(history: MessageHistory) -> None:
    history.add("half \ud83d a pair")
    assert texts(history) == ["half ? a pair"]


def test_an_error_while_adding_stores_nothing(history: MessageHistory) -> None:
    with pytest.raises(ZeroDivisionError):
        history.add_many(Entry(str(1 // (3 - i))) for i in range(5))
    assert len(history) == 0


def test_a_full_disk_loses_nothing(database: PhoneDatabase, history: MessageHistory) -> None:
    history.add("kept")
    pages = database.rows("PRAGMA page_count")[0][0]
    database.rows(f"PRAGMA max_page_count={pages}")
    with pytest.raises(PhoneDatabaseError, match="full"):
        history.add("x" * 1_000_000)
    assert texts(history) == ["kept"]
    history.add("and goes on")
    assert len(history) == 2


def test_reads_many_pages_of_messages(history: MessageHistory) -> None:
    history.add_many(Entry(str(i)) for i in range(1234))
    assert texts(history) == [str(i) for i in range(1234)]
    assert newest(history, 1234) == texts(history)


def test_counts_the_words_after_a_message(history: MessageHistory) -> None:
    history.add_many([Entry("a b c"), Entry("d e"), Entry("f")])
    first = next(history.messages())
    assert (history.words_after(0), history.words_after(first.id), history.words_after(99)) == (6, 3, 0)


def test_rewrite_returns_the_changed_messages(history: MessageHistory) -> None:
    history.add_many([Entry("a b"), Entry("c d e"), Entry("b")])
    assert history.rewrite(lambda text: text.replace("b", "")) == [1, 3]
    assert [(message.text, message.words) for message in history.messages()] == [("a ", 1), ("c d e", 3), ("", 0)]


def test_delete_since_compares_times_in_any_zone(history: MessageHistory) -> None:
    hour = timedelta(hours=1)
    history.add_many(
        [
            Entry("before", NOON - hour),
            Entry("then", NOON),
            Entry("elsewhere, then", NOON.astimezone(timezone(9 * hour))),
            Entry("elsewhere, before", (NOON - hour).astimezone(timezone(9 * hour))),
            Entry("no zone, before", NOON.replace(tzinfo=None) - hour),
            Entry("no zone, after", NOON.replace(tzinfo=None) + hour),
        ]
    )
    history.add_many([Entry("arrived before")], now=NOON - hour)
    history.add_many([Entry("arrived after")], now=NOON + hour)
    assert history.delete_since(NOON) == [2, 3, 6, 8]
    assert texts(history) == ["before", "elsewhere, before", "no zone, before", "arrived before"]
    assert history.delete_since(NOON) == []
