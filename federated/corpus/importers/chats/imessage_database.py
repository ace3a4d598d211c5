"""Reads the database of Apple's Messages: `chat.db` of macOS, `sms.db` of a backup of an iPhone.

Each author is a user, by phone number or e-mail address; the owner is `"Me"`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

from federated.corpus.importers.inputs.source import DAMAGED, Source
from federated.corpus.importers.inputs.timestamps import from_epoch
from federated.corpus.schema import CorpusError, Record, Skipped

OWNER = "Me"
REACTION = "reaction to a message"
NOTICE = "notice about the conversation"
NO_TEXT = "attachment or app without a text"
_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)
_NANOSECONDS = 10**11  # a larger time counts nanoseconds, which macOS does since version 10.13
_OBJECT = "\ufffc"  # stands for an attachment in a text


def recognises(head: str) -> bool:
    """Returns whether an SQLite file has the tables of Messages."""
    return head.startswith("SQLite format 3") and "chat_message_join" in head and "is_from_me" in head


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages with a text, in the order in which they were stored.

    Raises:
        CorpusError: the file cannot be read, or does not have these tables.
    """
    any_row = False
    try:
        with contextlib.closing(sqlite3.connect(f"{source.path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
            for row in connection.execute(_query(connection)):
                any_row = True
                record = _record(row)
                if isinstance(record, Record):
                    yield record
                else:
                    skipped(record, f"message {row[0]}")
    except sqlite3.Error as error:
        if not any_row:
            raise CorpusError(f"cannot read {source} as a database of Messages ({error}): copy it again") from error
        skipped(DAMAGED, f"{source} ({error}): copy it again")


def _query(connection: sqlite3.Connection) -> str:
    # Older databases lack the last three columns.
    names = {row[1] for row in connection.execute("PRAGMA table_info(message)")}
    newer = (
        name if name in names else f"NULL AS {name}"
        for name in ("attributedBody", "associated_message_type", "item_type")
    )
    columns = ", ".join(f"m.{name}" if " " not in name else name for name in newer)
    return (
        f"SELECT m.ROWID, m.text, m.date, m.is_from_me, h.id, {columns} "
        "FROM message m LEFT JOIN handle h ON h.ROWID = m.handle_id ORDER BY m.ROWID"
    )


def _record(row: tuple[object, ...]) -> Record | str:
    _, text, date, from_me, handle, body, reaction, item = row
    if isinstance(reaction, int) and 2000 <= reaction < 4000:
        return REACTION
    if item:
        return NOTICE
    if not isinstance(text, str) or not text:
        text = typedstream_text(body) if isinstance(body, bytes) else ""
    text = text.replace(_OBJECT, "").strip("\n")
    if not text:
        return NO_TEXT
    user = OWNER if from_me else str(handle or "unknown")
    per_second = 10**9 if isinstance(date, int) and abs(date) > _NANOSECONDS else 1
    return Record(user, from_epoch(date, per_second=per_second, epoch=_EPOCH) if date else None, text)


def typedstream_text(body: bytes) -> str:
    """Returns the text of an `attributedBody`, an NSAttributedString in Apple's typedstream format, or "".

    The text is the first string after the name of its class: a plus sign, its length and its UTF-8. A length above 127
    is a byte 0x81 and two bytes, or 0x82 and four, the lowest first.
    """
    _, name, rest = body.partition(b"NSString")
    start = rest.find(b"+") + 1
    if not name or not 0 < start <= 16 or start >= len(rest):
        return ""
    width = {0x81: 2, 0x82: 4}.get(rest[start], 0)
    begin = start + 1 + width
    length = int.from_bytes(rest[start + 1 : begin], "little") if width else rest[start]
    return rest[begin : begin + length].decode(errors="surrogateescape")
