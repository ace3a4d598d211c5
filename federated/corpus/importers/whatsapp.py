"""Reads WhatsApp chat exports (`.txt` from Android or iOS, zipped or not); each author is a user.

The format has no specification. It depends on the region of the phone: day, month and year in any order, a 12- or a
24-hour clock. The order of day and month is decided from the whole file; if no number is above 12, the day comes first.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from federated.corpus.importers.inputs.source import Source, ignore
from federated.corpus.schema import CorpusError, Record, Skipped

_DIRECTION_MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_DATE = r"(?P<date>\d{1,4}[./-]\d{1,2}[./-]\d{1,4})"
_TIME = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?(?:\s*(?P<half>[AaPp])\.?\s?[Mm]\.?)?"
_STAMP = rf"{_DATE},?\s(?:\w{{2,5}}\s)?{_TIME}"  # Finnish and German insert a word: "klo", "um"
HEADER = re.compile(rf"\[?{_STAMP}(?:\]\s?|\s[-\u2013]\s)(?P<rest>.*)")
_AUTHOR = re.compile(r"(?P<author>[^:\n]{1,100}): (?P<text>.*)", re.DOTALL)
# The new subject of a group can contain a colon; the text before the colon then looks like an author.
_SYSTEM_AUTHOR = re.compile(r"\b(?:changed|created|added|removed|left|joined) ", re.IGNORECASE)
_NO_TEXT = re.compile(
    r"<media omitted>|<attached: .*>|.* \(file attached\)|null"
    r"|(?:image|video|audio|sticker|gif|document|contact card) omitted"
    r"|this message was deleted\.?|you deleted this message\.?|missed (?:voice|video) call\.?",
    re.IGNORECASE,
)
_EDITED = re.compile(r"\s*\u200e?<This message was edited>\Z")


@dataclass(slots=True)
class _Entry:
    number: int
    date: tuple[str, ...]
    clock: tuple[int, int, int]
    lines: list[str] = field(default_factory=list)


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages in the order of the chat, without system messages and media notices.

    Raises:
        CorpusError: the file cannot be read, or no line of it starts like a line of a chat export.
    """
    day_first = _day_comes_first(source)
    for entry in _entries(source, skipped):
        match = _AUTHOR.match("\n".join(entry.lines))
        if not match or _SYSTEM_AUTHOR.search(match["author"]):
            continue
        author = match["author"].strip(_DIRECTION_MARKS + " ~\u202f\xa0")
        text = _EDITED.sub("", match["text"])
        # iOS puts a left-to-right mark before every system text.
        if not author or text.startswith("\u200e") or _NO_TEXT.fullmatch(text.strip(_DIRECTION_MARKS + " \n")):
            continue
        try:
            yield Record(author, _timestamp(entry, day_first), text)
        except ValueError:
            skipped("not a date", f"line {entry.number}: {'/'.join(entry.date)}")


def _entries(source: Source, skipped: Skipped) -> Iterator[_Entry]:
    """Yields each dated entry with its continuation lines; the first line is without its date."""
    entry: _Entry | None = None
    for number, line in source.lines(skipped):
        match = HEADER.match(line.lstrip(_DIRECTION_MARKS))
        if match:
            if entry:
                yield entry
            entry = _Entry(number, _date(match), _clock(match), [match["rest"]])
        elif entry:
            entry.lines.append(line)
        elif line.strip(_DIRECTION_MARKS + " "):
            skipped("text before the first dated line", f"line {number}")
    if entry:
        yield entry


def _date(match: re.Match[str]) -> tuple[str, ...]:
    return tuple(re.split(r"[./-]", match["date"]))


def _clock(match: re.Match[str]) -> tuple[int, int, int]:
    hour, half = int(match["hour"]), (match["half"] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour, int(match["minute"]), int(match["second"] or 0)


def _day_comes_first(source: Source) -> bool:
    any_date = False
    month_first = False
    for _, line in source.lines(ignore):
        match = HEADER.match(line.lstrip(_DIRECTION_MARKS))
        if match:
            any_date = True
            first, second, _ = _date(match)
            if len(first) <= 2 and int(first) > 12:
                return True
            month_first = month_first or (len(first) <= 2 and int(second) > 12)
    if not any_date:
        raise CorpusError(
            f"{source} is not a WhatsApp chat export (no line starts with a date and a time): choose another --format"
        )
    return not month_first


def _timestamp(entry: _Entry, day_first: bool) -> datetime:
    """Raises ValueError if the date or time does not exist."""
    first, second, third = (int(part) for part in entry.date)
    if len(entry.date[0]) == 4:
        year, month, day = first, second, third
    else:
        year = third if third >= 100 else 2000 + third
        day, month = (first, second) if day_first else (second, first)
    return datetime(year, month, day, *entry.clock)


def looks_like_chat(head: str) -> bool:
    """Returns whether one of the first lines starts like a message of a chat export."""
    return any(HEADER.match(line.lstrip(_DIRECTION_MARKS)) for line in itertools.islice(head.splitlines(), 20))
