"""Reads the messages of a chat: finds where each begins, and leaves out what no person wrote."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.whatsapp.headers import MARKS, Shapes
from federated.corpus.importers.whatsapp.notices import Notices
from federated.corpus.importers.whatsapp.survey import LEFT_TO_RIGHT, Authors, Survey, split_author, survey
from federated.corpus.schema import CorpusError, Record, Skipped

BEFORE_FIRST = "text before the first dated line"
NOT_A_DATE = "not a date"
SYSTEM_LINE = "group change or other line without an author"
OTHER_CHAT = "line that begins like a message, with a date that does not fit in here"

_LINES_LOOKED_AT = 20
_SLACK = timedelta(minutes=2)  # the times of one file can be with and without seconds


@dataclass(slots=True)
class _Entry:
    """A header and the lines up to the next one; the first line is without its header."""

    number: int
    at: datetime | None
    lines: list[str]
    trusted: bool
    bracketed: bool
    marked: bool


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages in the order of the chat, without notices, system lines and names of attached files.

    Raises:
        CorpusError: the file cannot be read, or no line of it starts like a line of a chat export.
    """
    known = survey(source)
    if not known.readings:
        raise CorpusError(
            f"{source} is not a WhatsApp chat export (no line starts with a date and a time): choose another --format"
        )
    authors, notices = Authors(known.authors), Notices(known)
    entries = _entries(source, known, skipped)
    if len(known.trusted) < len(known.readings):
        entries = _in_place(entries, skipped)
    for entry in entries:
        by = split_author(entry.lines[0])
        if not by or not by[0] or authors.is_system_line(by[0]):
            skipped(SYSTEM_LINE, f"line {entry.number}")
            continue
        author, entry.lines[0] = by
        whole = "\n".join(entry.lines) if len(entry.lines) > 1 else entry.lines[0]
        text: str | None = whole
        if notices.suspects(whole):
            text, reasons = notices.without(whole, author, entry.bracketed, entry.marked)
            for reason in reasons:
                skipped(reason, f"line {entry.number}")
        if text is not None:
            yield Record(author, entry.at, text)


def looks_like_chat(head: str) -> bool:
    """Returns whether one of the first lines starts like a message of a chat export."""
    shapes = Shapes()
    return any(shapes.match(line) for line in itertools.islice(head.splitlines(), _LINES_LOOKED_AT))


def _entries(source: Source, known: Survey, skipped: Skipped) -> Iterator[_Entry]:
    """Yields each entry with an existing date."""
    entry: _Entry | None = None
    begun = False
    previous: datetime | None = None
    for number, line in source.lines(skipped):
        found = known.shapes.match(line)
        if not found:
            if entry:
                entry.lines.append(line)
            elif not begun and line.strip(MARKS + " "):
                skipped(BEFORE_FIRST, f"line {number}")
            continue
        if entry:
            yield entry
        shape, match = found
        begun, entry = True, None
        reading = known.readings.get(shape)
        try:
            at = reading.timestamp(match, previous) if reading else None
        except ValueError:
            skipped(NOT_A_DATE, f"line {number}: {line[: match.start(match.lastindex or 0)].strip(MARKS)}")
            continue
        trusted = shape in known.trusted
        previous = at if at and (trusted or previous is None) else previous
        rest = match[match.lastindex or 0]
        entry = _Entry(number, at, [rest], trusted, shape.bracketed, line.startswith(LEFT_TO_RIGHT))
    if entry:
        yield entry


def _in_place(entries: Iterator[_Entry], skipped: Skipped) -> Iterator[_Entry]:
    """Leaves out the entries with an unusual header whose time is not between those of their neighbours.

    Such a line was pasted from another chat, or only looks like a message. It is not the text of the message before.
    """
    unusual: list[_Entry] = []
    previous: datetime | None = None
    for entry in entries:
        if not entry.trusted:
            unusual.append(entry)
            continue
        if unusual:
            yield from _between(unusual, previous, entry.at, skipped)
            unusual = []
        previous = entry.at or previous
        yield entry
    yield from _between(unusual, previous, None, skipped)


def _between(
    entries: list[_Entry], first: datetime | None, last: datetime | None, skipped: Skipped
) -> Iterator[_Entry]:
    for entry in entries:
        early = entry.at and first and entry.at < first - _SLACK
        late = entry.at and last and entry.at > last + _SLACK
        if early or late:
            skipped(OTHER_CHAT, f"line {entry.number}")
        else:
            first = entry.at or first
            yield entry
