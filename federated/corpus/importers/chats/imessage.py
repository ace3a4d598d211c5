"""Reads Apple's Messages: the database of macOS or of a backup, and the text files of imessage-exporter.

In the database (`chat.db` of macOS, `sms.db` of a backup of an iPhone), each author is a user, by phone number or
e-mail address; the owner is `"Me"`.

A text file is one conversation; each author is a user, by name. A message is a line with the time, a line with the
author, and its parts, until the next line with a time. Replies appear twice: indented below the message that they
answer, and where they belong.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

from federated.corpus.importers.inputs.message_fields import from_epoch
from federated.corpus.importers.inputs.source import DAMAGED, Source
from federated.corpus.schema import CorpusError, Record, Skipped

OWNER = "Me"
REACTION = "reaction to a message"
NOTICE = "notice about the conversation"
DELETED = "deleted message"
NO_TEXT = "attachment or app without a text"
_OBJECT = "\ufffc"  # stands for an attachment in a text

_EPOCH = datetime(2001, 1, 1, tzinfo=UTC)
_NANOSECONDS = 10**11  # a larger time counts nanoseconds, which macOS does since version 10.13

_TIME = r"[A-Z][a-z]{2} \d{2}, \d{4} +\d{1,2}:\d{2}:\d{2} [AP]M"
_HEADER = re.compile(rf"(?P<indent> *)(?P<time>{_TIME})(?P<rest> \(Read by .*\)| \(Delivered.*\))?")
_NOTICE = re.compile(rf"{_TIME} \S.*")
_UNSENT = re.compile(r".* unsent (?:a|this) message(?: part)?\b.*", re.IGNORECASE)
_NOTES = re.compile(
    r"This message responded to an earlier message\.|Attachment missing!|Sent with .*|SharePlay Message|Ended"
    r"|Edited (?:.* )?(?:later|after).*|Sticker from .*"
    r"|(?:~|/|\.\.?/|attachments/|[A-Za-z]:\\).*\.\w{2,5}"  # the path of an attachment
)
_REACTIONS = ("Reactions:", "Tapbacks:")


def recognises_database(head: str) -> bool:
    """Returns whether an SQLite file has the tables of Messages."""
    return head.startswith("SQLite format 3") and "chat_message_join" in head and "is_from_me" in head


def read_database(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages with a text, in the order in which they were stored.

    Raises:
        CorpusError: the file cannot be read, or does not have these tables.
    """
    last: int | None = None
    try:
        with contextlib.closing(sqlite3.connect(f"{source.path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
            for row in connection.execute(_query(connection)):
                if not isinstance(row[0], int) or (last is not None and row[0] <= last):
                    raise sqlite3.DatabaseError("its rows are not in order")  # where pages repeat, there is no end
                last = row[0]
                record = _record_of_row(row)
                if isinstance(record, Record):
                    yield record
                else:
                    skipped(record, f"message {row[0]}")
    except sqlite3.Error as error:
        if last is None:
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


def _record_of_row(row: tuple[object, ...]) -> Record | str:
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


def recognises_text(head: str) -> bool:
    """Returns whether the first lines are a message of a file of imessage-exporter."""
    lines = [line for line in head.lstrip("\ufeff").splitlines() if line.strip()][:40]
    return any(_HEADER.fullmatch(line) for line in lines[:20]) and all(
        _HEADER.fullmatch(line) or _NOTICE.fullmatch(line) for line in lines[:1]
    )


def read_text(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages with a text, in their order. Times have no zone.

    Raises:
        CorpusError: the file cannot be read.
    """
    message: list[str] | None = None
    time, started = "", 0
    lines = itertools.chain(source.lines(skipped), [(0, None)])
    in_reply = False
    for number, line in lines:
        header = _HEADER.fullmatch(line) if line is not None else None
        if header and header["indent"]:
            in_reply = True
            continue
        notice = line is not None and not header and _NOTICE.fullmatch(line)
        if header or notice or line is None:
            if message is not None:
                yield from _record_of_lines(time, message, f"line {started}", skipped)
            message = None
            in_reply = False
        if notice:
            skipped(NOTICE, f"line {number}")
        elif header:
            message, time, started = [], header["time"], number
        elif line is not None and message is not None:
            in_reply = in_reply and (not line.strip() or line.startswith("    "))
            if not in_reply:
                message.append(line)


def _record_of_lines(time: str, lines: list[str], where: str, skipped: Skipped) -> Iterator[Record]:
    author, parts = (lines[0].strip(), lines[1:]) if lines else ("", [])
    if parts and (parts[0].startswith("This message was deleted") or _UNSENT.fullmatch(parts[0])):
        skipped(DELETED, where)
        return
    kept: list[str] = []
    in_reactions = False
    for line in parts:
        in_reactions = (in_reactions and bool(line.strip())) or line in _REACTIONS
        if not in_reactions and not _NOTES.fullmatch(line):
            kept.append(line)
    text = "\n".join(kept).strip(f"\n{_OBJECT}")
    if not author or not text:
        skipped(NO_TEXT, where)
    else:
        yield Record(author, _parsed(time), text)


def _parsed(time: str) -> datetime | None:
    try:
        return datetime.strptime(" ".join(time.split()), "%b %d, %Y %I:%M:%S %p")
    except ValueError:
        return None
