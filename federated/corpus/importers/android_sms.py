"""Reads the XML exports of the Android app "SMS Backup & Restore": the messages that the owner of the phone sent.

signal-back, signalbackup-tools and other programs write the same format.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from federated.corpus.importers.inputs.message_fields import from_epoch
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.inputs.xml_elements import elements
from federated.corpus.schema import Record, Skipped

OWNER = "owner"
NOT_SENT = "message that the owner did not send"
_SENT = "2"  # Telephony.TextBasedSmsColumns.MESSAGE_TYPE_SENT, and the same in an MMS's msg_box
_ABSENT = (None, "null")  # how the app writes a missing value


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the sent texts, all by the user `"owner"`.

    Raises:
        CorpusError: the file cannot be read or is not XML.
    """
    for number, message in enumerate(elements(source, ("sms", "mms"), skipped), 1):
        if message.get("type" if message.tag == "sms" else "msg_box") != _SENT:
            skipped(NOT_SENT)
            continue
        text = message.get("body") if message.tag == "sms" else _text_parts(message)
        if text in _ABSENT:
            skipped("no text", f"message {number}")
        else:
            yield Record(OWNER, from_epoch(message.get("date"), per_second=1000), str(text))


def _text_parts(mms: Element) -> str | None:
    parts = [part.get("text") for part in mms.iter("part") if part.get("ct") == "text/plain"]
    return "\n".join(part for part in parts if part is not None and part not in _ABSENT) or None
