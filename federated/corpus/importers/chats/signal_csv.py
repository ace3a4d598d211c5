"""Reads the CSV of signal-back: the rows of the table of messages in a backup of Signal for Android.

Each author is a user; the owner of the phone is `"Me"`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.inputs.timestamps import from_epoch
from federated.corpus.schema import Record, Skipped

OWNER = "Me"
NOT_A_MESSAGE = "row that is no message: a call, a change of keys and the like"
NO_TEXT = "row without a text"
NOT_A_ROW = "row that is not valid"
# The low five bits of Signal's type of a message: waiting, being sent, sent, failed, and two for plain SMS.
_BASE_TYPE = 0x1F
_SENT = (21, 22, 23, 24, 25, 26)
_RECEIVED = 20


def recognises(head: str) -> bool:
    """Returns whether the first line is the header that signal-back writes."""
    names = head.lstrip("\ufeff").partition("\n")[0].strip().split(",")
    return {"THREAD_ID", "ADDRESS", "BODY", "DATE_SENT"} <= set(names) and bool({"TYPE", "MESSAGE_BOX"} & set(names))


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages with a text, in the order of the rows.

    Raises:
        CorpusError: the file cannot be read.
    """
    with source.text(skipped) as text:
        rows = csv.DictReader(text)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                skipped(NOT_A_ROW, f"line {rows.line_num}: {error}")
                continue
            kind = row.get("TYPE") or row.get("MESSAGE_BOX") or ""
            if None in row.values() or None in row or not kind.isascii() or not kind.isdigit():
                skipped(NOT_A_ROW, f"line {rows.line_num}")
            elif (base := int(kind[:18]) & _BASE_TYPE) not in (*_SENT, _RECEIVED):
                skipped(NOT_A_MESSAGE)
            elif not row["BODY"]:
                skipped(NO_TEXT)
            else:
                user = OWNER if base in _SENT else row["ADDRESS"].strip() or "unknown"
                yield Record(user, from_epoch(row["DATE_SENT"], per_second=1000), row["BODY"])
