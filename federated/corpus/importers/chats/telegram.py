"""Reads Telegram Desktop's JSON export (`result.json`): one chat, or the chats of an account. Each author is a user."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from federated.corpus.importers.inputs.json_document import ITEM, Place, places, values
from federated.corpus.importers.inputs.message_fields import People, from_epoch, from_iso
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import Record, Skipped

SERVICE = "service message of Telegram"
FORWARDED = "forwarded message: not the author's own words"
BY_BOT = "message written by a bot"
NO_TEXT = "media or poll without a text"
NO_AUTHOR = "message without an author"
_MESSAGE = ("messages", ITEM)
_MESSAGES = (_MESSAGE, *((chats, "list", ITEM, *_MESSAGE) for chats in ("chats", "left_chats")))


def recognises(head: str) -> bool:
    """Returns whether a document that begins with `head` is such an export."""
    found = places(head)
    if any((*message, "date") in found and (*message, "type") in found for message in _MESSAGES):
        return True
    # The chats of an account come after its contacts, which can be long. A chat can be empty so far.
    return ("personal_information", "user_id") in found or {("name",), ("type",), ("id",)} == found


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages with a text, in the order of the export.

    Service messages, forwarded messages, what bots wrote and media without a caption are left out and counted.

    Raises:
        CorpusError: the file cannot be read.
    """
    people = People()
    for place, message in values(source, _is_message, skipped):
        if not _is_message(place) or not isinstance(message, dict):
            continue
        reason = _left_out(message)
        text = _text(message.get("text")) or _text(message.get("text_entities"))
        user = people.user(message.get("from_id"), message.get("from"))
        if reason or not text or not user:
            skipped(reason or (NO_AUTHOR if text else NO_TEXT), f"message {message.get('id')}")
        else:
            yield Record(user, from_epoch(message.get("date_unixtime")) or _local(message.get("date")), text)


def _is_message(place: Place) -> bool:
    return place in _MESSAGES


def _left_out(message: dict[str, Any]) -> str | None:
    if message.get("type") != "message":
        return SERVICE
    if any(key in message for key in ("forwarded_from", "forwarded_from_id", "saved_from")):
        return FORWARDED
    return BY_BOT if "via_bot" in message else None


def _text(value: object) -> str:
    """Joins a text that is a string, or a list of strings and of parts with a format."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _text(value.get("text"))
    return "".join(map(_text, value)) if isinstance(value, list) else ""


def _local(date: object) -> Any:
    time = from_iso(date)
    return time.astimezone(UTC) if time and time.tzinfo else time
