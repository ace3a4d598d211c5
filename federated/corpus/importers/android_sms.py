"""Reads the XML exports of the Android app "SMS Backup & Restore": the messages that the owner of the phone sent.

The app writes an emoji as a UTF-16 surrogate pair of two references (`&#55357;&#56834;`). XML forbids these, so the
stream is repaired before it is parsed.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import IO
from xml.etree.ElementTree import Element

from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.inputs.xml_elements import elements
from federated.corpus.schema import Record, Skipped

OWNER = "owner"
_SENT = "2"  # Telephony.TextBasedSmsColumns.MESSAGE_TYPE_SENT, and the same in an MMS's msg_box
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ABSENT = (None, "null")  # how the app writes a missing value


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the sent texts, all by the user `"owner"`.

    Raises:
        CorpusError: the file cannot be read or is broken XML.
    """
    with source.open() as stream:
        for number, message in enumerate(elements(_Repaired(stream), ("sms", "mms"), source), 1):
            if message.get("type" if message.tag == "sms" else "msg_box") != _SENT:
                continue
            text = message.get("body") if message.tag == "sms" else _text_parts(message)
            if text in _ABSENT:
                skipped("no text", f"message {number}")
            else:
                yield Record(OWNER, _timestamp(message.get("date", "")), str(text))


def _text_parts(mms: Element) -> str | None:
    parts = [part.get("text") for part in mms.iter("part") if part.get("ct") == "text/plain"]
    return "\n".join(part for part in parts if part is not None and part not in _ABSENT) or None


def _timestamp(milliseconds: str) -> datetime | None:
    try:
        return _EPOCH + timedelta(milliseconds=int(milliseconds))
    except (ValueError, OverflowError):
        return None


_REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]{1,7})|([0-9]{1,7}));")
# The end of a chunk that is kept until the next chunk: a high surrogate (D800..DBFF) or an incomplete reference.
_HIGH = r"&#(?:5529[6-9]|55[3-9]\d\d|56[0-2]\d\d|563[01]\d|[xX][dD][89abAB][0-9a-fA-F]{2});"
_UNFINISHED = re.compile(rf"(?:{_HIGH})?(?:&[#\w]{{0,10}})?\Z")
_LONGEST_UNFINISHED = 32


class _Repaired:
    """A readable stream that replaces each character reference that XML forbids by its character."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""

    def read(self, size: int = -1) -> bytes:
        text = ""
        while not text:  # an empty result would mean the end
            raw = self._stream.read(size)
            text = self._pending + self._decoder.decode(raw, final=not raw)
            self._pending = ""
            if not raw:
                break
            if tail := _UNFINISHED.search(text, max(0, len(text) - _LONGEST_UNFINISHED)):
                text, self._pending = text[: tail.start()], tail.group()
        repaired = _REFERENCE.sub(_character, text)
        return repaired.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _character(reference: re.Match[str]) -> str:
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    if 0xD800 <= code < 0xE000:
        return chr(code)  # the conversion to UTF-16 joins the two surrogates
    if code in (9, 10, 13) or 0x20 <= code < 0xFFFE or 0x10000 <= code < 0x110000:
        return reference.group()
    return "\ufffd"
