"""Messages of a device's owner."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.schemas.base import MAX_MESSAGES, Answer, Request, Text, Time


class Message(Request):
    """One message that the device's owner wrote."""

    text: Text = Field(examples=["see you at the station"])
    timestamp: Time | None = Field(
        default=None,
        description="When it was typed, ISO 8601; UTC if it names no zone.",
        examples=["2024-05-01T18:30Z"],
    )
    private: bool = Field(default=False, description="Typed in a field flagged private: nothing of it is stored.")


class NewMessages(Request):
    """Messages in the order they were written."""

    messages: Annotated[list[Message], Field(max_length=MAX_MESSAGES)]


class Observed(Answer):
    """How many messages were stored."""

    observed: int = Field(
        description="Messages of this call that are on disk now; blank and private ones are left out, and in "
        "incognito all are."
    )
    messages: int = Field(description="Messages in the device's history.")
