"""Reads the `messages.json` of Google Chat in a Google Takeout. Each author is a user."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from federated.corpus.importers.chats.people import People
from federated.corpus.importers.inputs.json_document import ITEM, places, values
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.inputs.timestamps import from_iso
from federated.corpus.schema import Record, Skipped

BY_BOT = "message written by a bot"
DELETED = "deleted message"
NO_AUTHOR = "message without an author"
NO_TEXT = "media without a text"
_MESSAGE = ("messages", ITEM)
_TIMES = ("%A, %B %d, %Y at %I:%M:%S %p", "%A, %d %B %Y at %H:%M:%S", "%A, %B %d, %Y at %H:%M:%S")


def recognises(head: str) -> bool:
    """Returns whether a document that begins with `head` is such a file."""
    return any(place[:3] == (*_MESSAGE, "creator") for place in places(head))


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages with a text, in their order. A time in another language than English is left out.

    Raises:
        CorpusError: the file cannot be read.
    """
    people = People()
    for place, message in values(source, lambda place: place == _MESSAGE, skipped):
        if place != _MESSAGE or not isinstance(message, dict):
            continue
        creator = message.get("creator")
        creator = creator if isinstance(creator, dict) else {}
        user = people.user(creator.get("email"), creator.get("name"))
        text = message.get("text")
        detail = f"message {message.get('message_id')}"
        if message.get("message_state") == "DELETED":
            skipped(DELETED, detail)
        elif creator.get("user_type") == "Bot":
            skipped(BY_BOT, detail)
        elif not isinstance(text, str) or not text:
            skipped(NO_TEXT, detail)
        elif not user:
            skipped(NO_AUTHOR, detail)
        else:
            yield Record(user, _time(message.get("created_date")), text)


def _time(value: object) -> datetime | None:
    written = " ".join(value.split()).removesuffix(" UTC") if isinstance(value, str) else ""
    for form in _TIMES:
        try:
            return datetime.strptime(written, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return from_iso(value)
