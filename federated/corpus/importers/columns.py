"""Reads tables with a header: CSV, TSV and the like, one message a row.

The columns of the author, the time and the text are found by their usual names, or named by the user. The separator
(comma, semicolon, tab or bar) is the one that the header has most often.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from federated.corpus.importers.inputs.message_fields import from_epoch, from_iso
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError, Record, Skipped

if TYPE_CHECKING:
    from _csv import Reader as _Rows

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "user": (
        *("user_id", "userid", "user", "username", "user_name", "author_id", "author", "sender_id", "sender"),
        *("sender_name", "from", "from_id", "name", "nickname", "speaker", "handle", "client_id"),
    ),
    "time": (
        *("timestamp", "time", "datetime", "date_time", "date", "sent_at", "created_at", "created", "date_sent"),
        *("sent", "created_utc"),
    ),
    "text": ("text", "message", "body", "content", "message_text", "tweet", "post", "utterance", "comment", "sms"),
}
"""The usual names of the columns, in lower case with underscores. Of several in one table the first here is used."""
NOT_A_ROW = "row with another number of columns than the header"
NO_AUTHOR = "row without an author"
NOT_A_TIME = "time that is neither ISO 8601 nor a number of seconds or milliseconds"
_SEPARATORS = ",;\t|"
_NAMED_SEPARATOR = re.compile(r"\ufeff?sep=(.)\r?\n")  # a first line that Excel understands
_LONGEST_FIELD = 16 << 20  # characters
_YEAR_5138 = 10**11  # seconds; a larger number counts milliseconds


def recognises(head: str) -> bool:
    """Returns whether the first line names a column of authors and one of texts."""
    try:
        header = _header(head)
    except csv.Error:
        return False
    return _find(header, "user") is not None and _find(header, "text") is not None


def read(source: Source, skipped: Skipped, columns: Mapping[str, str] | None = None) -> Iterator[Record]:
    """Yields a record for each row, in order.

    Args:
        source: The table.
        skipped: Gets the rows that cannot be used.
        columns: The name of the column of the `user`, the `time` and the `text`; those not given are found.

    Raises:
        CorpusError: the file cannot be read, or the header does not have these columns.
    """
    named = columns or {}
    csv.field_size_limit(_LONGEST_FIELD)
    with source.text(skipped) as text:
        lines = iter(partial(text.readline, _LONGEST_FIELD), "")
        rows = csv.reader(lines, delimiter=_separator(source.text_head))
        try:
            if _NAMED_SEPARATOR.match(source.text_head):
                next(rows)
            header = [name.strip() for name in next(rows, [])]
        except csv.Error as error:
            raise CorpusError(f"{source} has no header of columns ({error})") from error
        positions = _Positions(*(_position(source, header, what, named.get(what)) for what in ("user", "text", "time")))
        yield from _records(rows, len(header), positions, skipped)


def valid_rows(rows: csv.DictReader[str] | _Rows, reason: str, skipped: Skipped) -> Iterator[Any]:
    """Yields the rows of a table. Those that are not valid CSV are reported to `skipped` with the reason."""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            skipped(reason, f"line {rows.line_num}: {error}")
            continue
        yield row


class _Positions(NamedTuple):
    user: int
    text: int
    time: int  # -1 if there is none


def _records(rows: _Rows, width: int, positions: _Positions, skipped: Skipped) -> Iterator[Record]:
    for row in valid_rows(rows, "not valid CSV", skipped):
        if not row:
            continue
        time = row[positions.time] if positions.time >= 0 and len(row) == width else ""
        sent = _time(time)
        if len(row) != width:
            skipped(NOT_A_ROW, f"line {rows.line_num}")
        elif not (user := row[positions.user].strip()):
            skipped(NO_AUTHOR, f"line {rows.line_num}")
        elif time.strip() and sent is None:
            skipped(NOT_A_TIME, f"line {rows.line_num}: {time[:40]!r}")
        else:
            yield Record(user, sent, row[positions.text])


def _separator(head: str) -> str:
    if named := _NAMED_SEPARATOR.match(head):
        return named[1]
    return max(_SEPARATORS, key=head.lstrip("\ufeff").partition("\n")[0].count)


def _header(head: str) -> list[str]:
    rest = _NAMED_SEPARATOR.sub("", head.lstrip("\ufeff"), count=1)
    return next(csv.reader([rest.partition("\n")[0]], delimiter=_separator(head)), [])


def _find(header: list[str], what: str) -> int | None:
    plain = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in header]
    return next((plain.index(name) for name in COLUMNS[what] if name in plain), None)


def _position(source: Source, header: list[str], what: str, named: str | None) -> int:
    found = _find(header, what) if named is None else header.index(named) if named in header else None
    if found is not None:
        return found
    if named is None and what == "time":
        return -1
    wanted = (
        f"named {named!r}" if named else f"of the {what} under a usual name, such as {', '.join(COLUMNS[what][:3])}"
    )
    raise CorpusError(
        f"{source} has no column {wanted}; its columns are {', '.join(header)[:200] or 'none'}: "
        "name them with --columns user=...,time=...,text=..."
    )


def _time(value: str) -> datetime | None:
    value = value.strip()
    try:
        number = float(value)
    except ValueError:
        return from_iso(value)
    whole = int(number) if abs(number) < _YEAR_5138 * 1000 else 0
    return from_epoch(number if whole < _YEAR_5138 else whole, per_second=1000 if whole >= _YEAR_5138 else 1)


def parse_columns(given: str) -> dict[str, str]:
    """Parses what the user says of the columns.

    Raises:
        CorpusError: it has another form.

    >>> parse_columns("user=Von,text=Nachricht")
    {'user': 'Von', 'text': 'Nachricht'}
    """
    pairs = [part.partition("=") for part in given.split(",")]
    columns = {what.strip(): name.strip() for what, _, name in pairs}
    if len(columns) != len(pairs) or not all(columns.values()) or not columns.keys() <= COLUMNS.keys():
        raise CorpusError(f"--columns {given} has another form than user=NAME,time=NAME,text=NAME: correct it")
    return columns
