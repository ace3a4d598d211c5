"""The rights of a device's owner: to see, block and forget words, and to export all data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from api.schemas.base import MAX_BLOCKED_WORDS, MAX_WORD, Answer, ModelId, Request, ShownTime, Time


class LearnedWord(Answer):
    """A word that the owner typed."""

    word: str = Field(examples=["zanzibar"])
    times: int
    last_at: ShownTime | None = Field(description="When it was last typed, if known.")
    known: bool = Field(description="Whether the shared vocabulary contains it too.")


class LearnedWords(Answer):
    """The owner's words: first those that the shared vocabulary lacks, then the others, each group by frequency."""

    words: list[LearnedWord]


class ForgetWord(Request):
    """Forget one word: it is removed from messages and adapter, and never suggested again."""

    what: Literal["word"]
    word: Annotated[str, StringConstraints(min_length=1, max_length=MAX_WORD)] = Field(examples=["zanzibar"])


class ForgetSince(Request):
    """Forget everything typed since a time."""

    what: Literal["since"]
    since: Time = Field(examples=["2024-05-01T18:30Z"])


class ForgetAll(Request):
    """Forget everything."""

    what: Literal["all"]


Forget = Annotated[ForgetWord | ForgetSince | ForgetAll, Field(discriminator="what")]


class Forgotten(Answer):
    """How many messages remain."""

    messages: int = Field(description="Messages in the device's history.")


class BlockList(Request):
    """The words that a device must not suggest. It can still learn them."""

    words: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=MAX_WORD)]],
        Field(max_length=MAX_BLOCKED_WORDS, description="The device's new list. Case does not matter."),
    ] = Field(examples=[["damn"]])


class BlockedWords(Answer):
    """The device's own block list."""

    words: list[str] = Field(
        description="In lower case, sorted, without the list that the service was started with.",
        examples=[["damn"]],
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
    adapter: dict[str, Any] | None = Field(description="The adapter in use: its id, and its file in base64.")
    adaptations: list[dict[str, Any]]
    settings: dict[str, Any]
