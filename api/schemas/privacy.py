"""The rights of a device's owner: to see, block and forget words, and to export everything."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from api.schemas.base import MAX_BLOCKED_WORDS, MAX_WORD, Answer, ModelId, Request, Time


class LearnedWord(Answer):
    """A word that the owner typed."""

    word: str = Field(examples=["zanzibar"])
    times: int
    last_at: datetime | None = Field(description="When it was last typed, where known.")
    known: bool = Field(description="Whether the shared vocabulary has it too.")


class LearnedWords(Answer):
    """The owner's words, those that the shared vocabulary lacks first, each kind by how often it was typed."""

    words: list[LearnedWord]


class ForgetWord(Request):
    """One word: it is removed from messages and adapter, and never suggested again."""

    what: Literal["word"]
    word: Annotated[str, StringConstraints(min_length=1, max_length=MAX_WORD)] = Field(examples=["zanzibar"])


class ForgetSince(Request):
    """Everything typed since a time."""

    what: Literal["since"]
    since: Time = Field(examples=["2024-05-01T18:30Z"])


class ForgetAll(Request):
    """Everything."""

    what: Literal["all"]


Forget = Annotated[ForgetWord | ForgetSince | ForgetAll, Field(discriminator="what")]


class Forgotten(Answer):
    """The messages that remain."""

    messages: int = Field(description="Messages in the device's history.")


class BlockList(Request):
    """The words that a device must not suggest; it may still learn them."""

    words: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=MAX_WORD)]],
        Field(max_length=MAX_BLOCKED_WORDS, description="Replace the device's list. Case does not matter."),
    ] = Field(examples=[["damn"]])


class BlockedWords(Answer):
    """The device's own block list."""

    words: list[str] = Field(
        description="In lower case, sorted; without the list that the service was started with.", examples=[["damn"]]
    )


class Export(Answer):
    """Everything that a device stores about its owner; see `device_runtime.phone.privacy`."""

    format: str = Field(examples=["thumbprint-export"])
    format_version: int
    model_id: ModelId
    messages: list[dict[str, Any]] = Field(
        examples=[[{"text": "see you at the station", "at": "2024-05-01T18:30:00+00:00"}]]
    )
    words: list[dict[str, Any]]
    adapter: dict[str, Any] | None = Field(description="Of the adapter in use: its id, and its file in base64.")
    adaptations: list[dict[str, Any]]
    settings: dict[str, Any]
