"""What a keyboard sends and receives while its owner types: messages and predictions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from api.schemas.base import (
    MAX_BATCH,
    MAX_MESSAGES,
    MAX_PREFIX,
    MAX_SUGGESTIONS,
    WHOLE,
    Answer,
    ModelId,
    Request,
    Text,
    Time,
)


class Message(Request):
    """One message that the device's owner wrote."""

    text: Text = Field(examples=["see you at the station"])
    timestamp: Time | None = Field(
        default=None,
        description="When it was typed, in ISO 8601; UTC if it has no time zone.",
        examples=["2024-05-01T18:30Z"],
    )
    private: bool = Field(default=False, description="Typed in a private field: nothing of it is stored.")


class NewMessages(Request):
    """Messages in the order in which they were written."""

    messages: Annotated[list[Message], Field(max_length=MAX_MESSAGES)]


class Observed(Answer):
    """How many messages were stored."""

    observed: int = Field(
        description="Messages of this call that are on disk now. Blank and private messages are not stored. In "
        "incognito, none is."
    )
    messages: int = Field(description="Messages in the device's history.")


class PredictionRequest(Request):
    """The text before the cursor."""

    context: Text = Field(description="The message before `prefix`.", examples=["see you at the"])
    prefix: Annotated[str, StringConstraints(max_length=MAX_PREFIX)] = Field(
        default="",
        description="The typed part of the word, or everything after the last space: the service finds where the "
        "word begins.",
        examples=["st"],
    )
    k: Annotated[int, Field(ge=1, le=MAX_SUGGESTIONS), WHOLE] = Field(default=3, description="Number of suggestions.")
    personal: bool = Field(default=True, description="False: use only the shared model.")
    two_words: bool = Field(default=False, description="True: a suggestion may go on with a second word, `then`.")


class PredictionBatch(Request):
    """Several prediction requests. They are answered in their order."""

    requests: Annotated[list[PredictionRequest], Field(min_length=1, max_length=MAX_BATCH)]


class Suggestion(Answer):
    """A suggested word."""

    word: str = Field(description="The word in lower case, as the model knows it.", examples=["station"])
    text: str = Field(description="The text that the keyboard shows.", examples=["station"])
    probability: float = Field(
        description="Probability of the word after the context, regardless of the prefix.", examples=[0.031], ge=0
    )
    replaces: int = Field(
        default=0,
        description="How many code points at the end of `prefix` the word takes the place of. In JavaScript: "
        "`[...prefix].length` counts code points, `prefix.length` does not.",
        examples=[2],
        ge=0,
    )
    space_after: bool = Field(
        default=True,
        description="Whether a space follows the word. Scripts such as Thai and Chinese put none between words.",
    )
    then: str = Field(
        default="",
        description="With `two_words`: a second word that likely follows, as the key shows it. A space is between the "
        "two, and `space_after` is that of the second word. Empty: there is none.",
        examples=["at"],
    )


class Predictions(Answer):
    """The suggested words."""

    suggestions: list[Suggestion] = Field(description="The most probable first, each word once.")
    model_id: ModelId


class PredictionsBatch(Answer):
    """The suggestions for each request, in the order of the requests, all with the same adapter."""

    predictions: list[list[Suggestion]]
    model_id: ModelId
