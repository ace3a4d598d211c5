"""Reads the chats in a Google Takeout: `messages.json` of Google Chat and `Hangouts.json`. Each author is a user."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from federated.corpus.importers.inputs.json_document import ITEM, Place, places, values
from federated.corpus.importers.inputs.message_fields import People, from_epoch, from_iso
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import Record, Skipped

BY_BOT = "message written by a bot"
DELETED = "deleted message"
NO_AUTHOR = "message without an author"
NO_MESSAGE = "event that is no message: a call, a new name of the group and the like"
NO_TEXT = "media without a text"
_MESSAGE = ("messages", ITEM)
_TIMES = ("%A, %B %d, %Y at %I:%M:%S %p", "%A, %d %B %Y at %H:%M:%S", "%A, %B %d, %Y at %H:%M:%S")
# Before 2017 the file of Hangouts had other names.
_CONVERSATIONS = (("conversations", ITEM), ("conversation_state", ITEM, "conversation_state"))
_ABOUT = tuple((*conversation, "conversation") for conversation in _CONVERSATIONS)
_EVENTS = tuple((*place, key, ITEM) for place, key in zip(_CONVERSATIONS, ("events", "event"), strict=True))


def recognises_chat(head: str) -> bool:
    """Returns whether a document that begins with `head` is a `messages.json` of Google Chat."""
    return any(place[:3] == (*_MESSAGE, "creator") for place in places(head))


def read_chat(source: Source, skipped: Skipped) -> Iterator[Record]:
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


def recognises_hangouts(head: str) -> bool:
    """Returns whether a document that begins with `head` is a `Hangouts.json`."""
    starts = (*_ABOUT, *_EVENTS)
    return any(place[: len(start)] == start for place in places(head) for start in starts)


def read_hangouts(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages with a text, one conversation after the other.

    Raises:
        CorpusError: the file cannot be read.
    """
    people = People()
    for place, value in values(source, _is_wanted, skipped):
        if place in _ABOUT:
            _remember(value, people)
        elif place in _EVENTS and isinstance(value, dict):
            text = _text(value)
            sender = _sender(value.get("sender_id"))
            user = people.user(sender, None)
            if text is None or user is None:
                skipped(NO_MESSAGE)
            elif not text:
                skipped(NO_TEXT)
            else:
                yield Record(user, from_epoch(value.get("timestamp"), per_second=1_000_000), text)


def _is_wanted(place: Place) -> bool:
    return place in _ABOUT or place in _EVENTS


def _remember(about: Any, people: People) -> None:
    """Tells `people` the names of the participants of a conversation."""
    about = about.get("conversation", about) if isinstance(about, dict) else {}
    participants = about.get("participant_data") if isinstance(about, dict) else None
    for person in participants if isinstance(participants, list) else ():
        if isinstance(person, dict) and person.get("fallback_name"):
            people.user(_sender(person.get("id")), person["fallback_name"])


def _sender(ids: object) -> object:
    return (ids.get("gaia_id") or ids.get("chat_id")) if isinstance(ids, dict) else None


def _text(event: dict[str, Any]) -> str | None:
    message = event.get("chat_message")
    content = message.get("message_content") if isinstance(message, dict) else None
    if not isinstance(content, dict):
        return None
    segments = content.get("segment")
    parts = [part for part in segments if isinstance(part, dict)] if isinstance(segments, list) else []
    return "".join("\n" if part.get("type") == "LINE_BREAK" else str(part.get("text", "")) for part in parts)
