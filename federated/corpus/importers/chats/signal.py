"""Reads Signal's messages as common programs write them. Each author is a user; the owner of the phone is `"Me"`.

JSON, one object a line or an array of objects:

- Signal's own plain-text export (`main.jsonl`), the frames of its backup format
- signal-export (`data.json`): `{"date", "sender", "body"}`
- signal-cli (`-o json receive`): `{"envelope": {...}}`
- the rows of Signal Desktop's table of messages: `{"type", "body", "sent_at", "source", "conversationId"}`

CSV:

- signal-back: the rows of the table of messages in a backup of Signal for Android
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from federated.corpus.importers.columns import valid_rows
from federated.corpus.importers.inputs.json_document import ITEM, is_document, places, values
from federated.corpus.importers.inputs.message_fields import People, from_epoch, from_iso
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import Record, Skipped

OWNER = "Me"
DELETED = "deleted message"
NOT_A_MESSAGE = "receipt, call, change of a group and the like"
NO_TEXT = "media without a text"
NOT_JSON = "not valid JSON"
ROW_NOT_A_MESSAGE = "row that is no message: a call, a change of keys and the like"
ROW_WITHOUT_TEXT = "row without a text"
NOT_A_ROW = "row that is not valid"
_FRAMES = ("recipient", "chat", "chatItem", "account", "stickerPack", "adHocCall", "notificationProfile", "chatFolder")
# The low five bits of Signal's type of a message: waiting, being sent, sent, failed, and two for plain SMS.
_BASE_TYPE = 0x1F
_SENT = (21, 22, 23, 24, 25, 26)
_RECEIVED = 20


def recognises_json(head: str) -> bool:
    """Returns whether the first object of a document is one that these programs write."""
    found = {place[1:] if place[:1] == (ITEM,) else place for place in places(head)}
    names = {place[0] for place in found if place}
    if "envelope" in names or any(place[:2] == ("params", "envelope") for place in found):
        return True
    if (
        "backupTimeMs" in names
        or {("recipient", "id")} & found
        or any(place[0] == "chatItem" for place in found if place)
    ):
        return True
    return {"date", "sender", "body"} <= names or {"conversationId", "type", "sent_at"} <= names


def read_json(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages with a text, in their order.

    Raises:
        CorpusError: the file cannot be read.
    """
    people = People()
    for where, value in _objects(source, skipped):
        reason, record = NOT_A_MESSAGE, None
        try:
            reason, record = _record(value, people)
        except (AttributeError, TypeError, KeyError):  # a part has another type than in any known export
            reason = "object of an unknown form"
        if record:
            yield record
        elif reason:
            skipped(reason, where)


def _objects(source: Source, skipped: Skipped) -> Iterator[tuple[str, Any]]:
    if is_document(source.text_head) and source.text_head.lstrip("\ufeff \r\n").startswith("["):
        for number, (place, value) in enumerate(values(source, lambda place: place == (ITEM,), skipped), 1):
            if place == (ITEM,):
                yield f"object {number}", value
        return
    for number, line in source.lines(skipped):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line, strict=False)
            except (ValueError, RecursionError):
                skipped(NOT_JSON, f"line {number}")


def _record(value: dict[str, Any], people: People) -> tuple[str, Record | None]:
    """Returns the record, or the reason why there is none; the reason is empty for what only describes others."""
    if "params" in value:
        value = value["params"]
    if "envelope" in value:
        return _from_envelope(value["envelope"], people)
    if "recipient" in value:
        _remember(value["recipient"], people)
        return "", None
    if "chatItem" in value:
        return _from_chat_item(value["chatItem"], people)
    if "sender" in value:
        return _from_signal_export(value)
    if "conversationId" in value:
        return _from_desktop(value)
    return ("" if "version" in value or any(frame in value for frame in _FRAMES) else NOT_A_MESSAGE), None


def _from_envelope(envelope: dict[str, Any], people: People) -> tuple[str, Record | None]:
    data = envelope.get("dataMessage") or (envelope.get("editMessage") or {}).get("dataMessage")
    own = (envelope.get("syncMessage") or {}).get("sentMessage")
    message = data or own
    if not isinstance(message, dict):
        return NOT_A_MESSAGE, None
    author_id = envelope.get("sourceUuid") or envelope.get("sourceNumber") or envelope.get("source")
    user = OWNER if own else people.user(author_id, envelope.get("sourceName") or envelope.get("sourceNumber"))
    time = message.get("timestamp") or envelope.get("timestamp")
    return _with_text(user, time, message.get("message"))


def _remember(recipient: dict[str, Any], people: People) -> None:
    contact = recipient.get("contact") or {}
    nickname = contact.get("nickname") or {}
    names = (
        " ".join(str(part.get(key) or "") for key in keys).strip()
        for part, keys in (
            (nickname, ("given", "family")),
            (contact, ("systemGivenName", "systemFamilyName")),
            (contact, ("profileGivenName", "profileFamilyName")),
        )
    )
    number = contact.get("e164")
    people.user(
        recipient["id"],
        OWNER if "self" in recipient else next(filter(None, names), None) or (f"+{number}" if number else None),
    )


def _from_chat_item(item: dict[str, Any], people: People) -> tuple[str, Record | None]:
    if "remoteDeletedMessage" in item:
        return DELETED, None
    message = item.get("standardMessage") or item.get("directStoryReplyMessage")
    if message is None:
        return NO_TEXT if {"stickerMessage", "viewOnceMessage", "contactMessage"} & item.keys() else NOT_A_MESSAGE, None
    text = (message.get("text") or (message.get("textReply") or {}).get("text") or {}).get("body")
    user = OWNER if "outgoing" in item else people.user(item.get("authorId"), None)
    return _with_text(user, item.get("dateSent"), text)


def _from_signal_export(message: dict[str, Any]) -> tuple[str, Record | None]:
    if message.get("deleted"):
        return DELETED, None
    if message.get("call") or message.get("missed"):
        return NOT_A_MESSAGE, None
    text = message.get("body")
    if not isinstance(text, str) or not text.strip():
        return NO_TEXT, None
    return "", Record(str(message["sender"]), from_iso(message.get("date")), text.strip("\n"))


def _from_desktop(message: dict[str, Any]) -> tuple[str, Record | None]:
    if message.get("isErased") or message.get("deletedForEveryone"):
        return DELETED, None
    if message.get("type") not in ("incoming", "outgoing"):
        return NOT_A_MESSAGE, None
    author = message.get("source") or message.get("sourceServiceId") or message.get("sourceUuid")
    user = OWNER if message["type"] == "outgoing" else author or message["conversationId"]
    return _with_text(str(user), message.get("sent_at"), message.get("body"))


def _with_text(user: str | None, milliseconds: object, text: object) -> tuple[str, Record | None]:
    if not isinstance(text, str) or not text:
        return NO_TEXT, None
    return ("", Record(user, from_epoch(milliseconds, per_second=1000), text)) if user else ("no author", None)


def recognises_csv(head: str) -> bool:
    """Returns whether the first line is the header that signal-back writes."""
    names = head.lstrip("\ufeff").partition("\n")[0].strip().split(",")
    return {"THREAD_ID", "ADDRESS", "BODY", "DATE_SENT"} <= set(names) and bool({"TYPE", "MESSAGE_BOX"} & set(names))


def read_csv(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages with a text, in the order of the rows.

    Raises:
        CorpusError: the file cannot be read.
    """
    with source.text(skipped) as text:
        rows = csv.DictReader(text)
        for row in valid_rows(rows, NOT_A_ROW, skipped):
            kind = row.get("TYPE") or row.get("MESSAGE_BOX") or ""
            if None in row.values() or None in row or not kind.isascii() or not kind.isdigit():
                skipped(NOT_A_ROW, f"line {rows.line_num}")
            elif (base := int(kind[:18]) & _BASE_TYPE) not in (*_SENT, _RECEIVED):
                skipped(ROW_NOT_A_MESSAGE)
            elif not row["BODY"]:
                skipped(ROW_WITHOUT_TEXT)
            else:
                user = OWNER if base in _SENT else row["ADDRESS"].strip() or "unknown"
                yield Record(user, from_epoch(row["DATE_SENT"], per_second=1000), row["BODY"])
