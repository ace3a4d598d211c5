"""What a device suggests."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from api.schemas.base import MAX_BATCH, MAX_PREFIX, MAX_SUGGESTIONS, WHOLE, Answer, ModelId, Request, Text


class PredictionRequest(Request):
    """What stands before the cursor."""

    context: Text = Field(description="The message before the word being typed.", examples=["see you at the"])
    prefix: Annotated[str, StringConstraints(max_length=MAX_PREFIX)] = Field(
        default="", description="What of that word was typed.", examples=["st"]
    )
    k: Annotated[int, Field(ge=1, le=MAX_SUGGESTIONS), WHOLE] = Field(default=3, description="Suggestions wanted.")
    personal: bool = Field(default=True, description="False: the shared model alone.")


class PredictionBatch(Request):
    """Several of them, answered in their order."""

    requests: Annotated[list[PredictionRequest], Field(min_length=1, max_length=MAX_BATCH)]


class Suggestion(Answer):
    """A word on a key."""

    word: str = Field(description="Lower-cased, as the model knows it.", examples=["station"])
    text: str = Field(description="What the key shows.", examples=["station"])
    probability: float = Field(
        description="That this is the next word, whatever of it was typed.", examples=[0.031], ge=0
    )


class Predictions(Answer):
    """The keys."""

    suggestions: list[Suggestion] = Field(description="The most probable first, no word twice.")
    model_id: ModelId


class PredictionsBatch(Answer):
    """The keys of each request, in their order; all come of one adapter."""

    predictions: list[list[Suggestion]]
    model_id: ModelId
