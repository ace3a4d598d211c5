import sqlite3
import struct
from contextlib import closing
from datetime import UTC, datetime

import pytest

from federated.corpus.importers.chats.imessage import (
    DELETED,
    NO_TEXT,
    NOTICE,
    REACTION,
    read_database,
    read_text,
    recognises_text,
    typedstream_text,
)
from federated.corpus.importers.formats import detect
from federated.corpus.importers.import_source import SkipCount, import_corpus
from federated.corpus.importers.inputs.source import DAMAGED, Source
from federated.corpus.schema import CorpusError
from tests.support.federated.imported import imported

SENT = datetime(2022, 12, 24, 18, 5, tzinfo=UTC)
SECONDS = int((SENT - datetime(2001, 1, 1, tzinfo=UTC)).total_seconds())


def typedstream(text):
    raw = text.encode()
    size = len(raw)
    length = bytes([size]) if size < 128 else b"\x81" + size.to_bytes(2, "little")
    return (
        b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84\x08NSString\x01\x94\x84\x01+"
        + length
        + raw
        + b"\x86\x84"
    )


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "chat.db"
    rows = [
        ("hello", None, SECONDS * 10**9, 0, 1, 0, 0),
        (None, typedstream("hi there"), SECONDS, 1, 0, 0, 0),
        ("\ufffclook", None, SECONDS, 1, 0, 0, 0),
        ("\ufffc", None, SECONDS, 1, 0, 0, 0),
        ("Loved “hello”", None, SECONDS, 1, 0, 2000, 0),
        (None, None, SECONDS, 0, 1, 0, 2),
    ]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE handle (ROWID INTEGER PRIMARY KEY, id TEXT)")
        connection.execute("CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER)")
        connection.execute(
            "CREATE TABLE message (ROWID INTEGER PRIMARY KEY, text TEXT, attributedBody BLOB, date INTEGER, "
            "is_from_me INTEGER, handle_id INTEGER, associated_message_type INTEGER, item_type INTEGER)"
        )
        connection.execute("INSERT INTO handle VALUES (1, '+441')")
        connection.executemany("INSERT INTO message VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
    return path


def test_reads_texts_and_their_authors_from_the_database(database):
    assert detect(database) == "imessage_database"
    skipped = SkipCount()
    records = [(record.user_id, record.text, record.timestamp) for record in read_database(Source(database), skipped)]
    assert records == [("+441", "hello", SENT), ("Me", "hi there", SENT), ("Me", "look", SENT)]
    assert skipped.counts == {NO_TEXT: 1, REACTION: 1, NOTICE: 1}


def test_reads_an_older_database(database):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE message DROP COLUMN attributedBody")
        connection.execute("ALTER TABLE message DROP COLUMN associated_message_type")
    assert next(record.text for record in read_database(Source(database), SkipCount())) == "hello"


@pytest.mark.parametrize("text", ["a", "x" * 127, "é" * 64, "x" * 300, "😂" * 9000])
def test_finds_the_text_of_an_attributed_body(text):
    assert typedstream_text(typedstream(text)) == text


@pytest.mark.parametrize("body", [b"", b"NSString", b"NSString\x01+", b"NSString\x01+\x82", b"bplist00" * 9])
def test_finds_no_text_in_another_body(body):
    assert typedstream_text(body) == ""


def test_rejects_a_database_that_is_damaged_or_packed(database, tmp_path):
    import gzip

    (tmp_path / "chat.db.gz").write_bytes(gzip.compress(database.read_bytes()))
    with pytest.raises(CorpusError, match="is an SQLite file in an archive: unpack it first"):
        import_corpus(tmp_path / "chat.db.gz", tmp_path / "c.sqlite")
    database.write_bytes(database.read_bytes()[:6000])
    with pytest.raises(CorpusError, match="cannot read"):
        import_corpus(database, tmp_path / "c.sqlite", "imessage_database")


def test_reads_the_messages_before_a_page_that_repeats(database):
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("VACUUM")
        connection.executemany("INSERT INTO message (text) VALUES (?)", [(f"message {at}",) for at in range(200)])
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
    pages = bytearray(database.read_bytes())
    start = 512 * (root - 1)
    assert pages[start] == 5  # the numbers of its child pages are the first four bytes of its cells
    first, second = struct.unpack_from(">HH", pages, start + 12)
    pages[start + second : start + second + 4] = pages[start + first : start + first + 4]
    database.write_bytes(pages)
    skipped = SkipCount()
    records = list(read_database(Source(database), skipped))
    assert [record.text for record in records[:3]] == ["hello", "hi there", "look"]
    assert len(records) < 100
    assert skipped.counts[DAMAGED] == 1


CHAT = """\
May 17, 2022  5:29:42 PM (Read by them after 1 hour, 49 seconds)
Me
Hello world

May 17, 2022  5:30:00 PM
Sample Contact
line one

line two
Tapbacks:
Loved by Me

    May 17, 2022  5:31:00 PM
    Me
    a reply

May 17, 2022  5:31:00 PM
Me
a reply
This message responded to an earlier message.

May 17, 2022  5:32:00 PM You renamed the conversation to Hello

May 17, 2022  5:33:00 PM
Me
attachments/1/IMG_0001.jpeg
look at this

May 17, 2022  5:34:00 PM
Me
/Users/me/Library/Messages/Attachments/0a/IMG_0002.HEIC

May 17, 2022  5:35:00 PM
Sample Contact
This message was deleted from the conversation!
gone

"""


def test_reads_texts_without_notes_reactions_and_repeated_replies(tmp_path):
    assert recognises_text(CHAT)
    records = [
        ("Me", "Hello world"),
        ("Sample Contact", "line one\n\nline two"),
        ("Me", "a reply"),
        ("Me", "look at this"),
    ]
    assert imported(read_text, tmp_path / "a.txt", CHAT) == (records, {NOTICE: 1, NO_TEXT: 1, DELETED: 1})
    [first, *_] = read_text(Source(tmp_path / "a.txt"), SkipCount())
    assert first.timestamp == datetime(2022, 5, 17, 17, 29, 42)


@pytest.mark.parametrize(
    "head", ["", "Me\nHello", "24/12/2022, 18:05 - Ann: May 17, 2022  5:29:42 PM", "notes of\n" + CHAT]
)
def test_recognises_no_other_text(head):
    assert not recognises_text(head)
