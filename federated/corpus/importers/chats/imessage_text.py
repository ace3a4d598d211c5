"""Reads the text files of imessage-exporter, one conversation a file. Each author is a user.

A message is a line with the time, a line with the author, and its parts, until the next line with a time. Replies
appear twice: indented below the message that they answer, and where they belong.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import datetime

from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import Record, Skipped

NOTICE = "notice about the conversation"
DELETED = "deleted message"
NO_TEXT = "attachment or app without a text"
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


def recognises(head: str) -> bool:
    """Returns whether the first lines are a message of such a file."""
    lines = [line for line in head.lstrip("\ufeff").splitlines() if line.strip()][:40]
    return any(_HEADER.fullmatch(line) for line in lines[:20]) and all(
        _HEADER.fullmatch(line) or _NOTICE.fullmatch(line) for line in lines[:1]
    )


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
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
                yield from _record(time, message, f"line {started}", skipped)
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


def _record(time: str, lines: list[str], where: str, skipped: Skipped) -> Iterator[Record]:
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
    text = "\n".join(kept).strip("\n\ufffc")
    if not author or not text:
        skipped(NO_TEXT, where)
    else:
        yield Record(author, _parsed(time), text)


def _parsed(time: str) -> datetime | None:
    try:
        return datetime.strptime(" ".join(time.split()), "%b %d, %Y %I:%M:%S %p")
    except ValueError:
        return None
