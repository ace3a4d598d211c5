"""Predictions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from api.schemas.base import MAX_BATCH, MAX_PREFIX, MAX_SUGGESTIONS, WHOLE, Answer, ModelId, Request, Text


class PredictionRequest(Request):
    """The text before the cursor."""

    context: Text = Field(description="The message before the word being typed.", examples=["see you at the"])
    prefix: Annotated[str, StringConstraints(max_length=MAX_PREFIX)] = Field(
        default="", description="The typed part of that word.", examples=["st"]
    )
    k: Annotated[int, Field(ge=1, le=MAX_SUGGESTIONS), WHOLE] = Field(default=3, description="Number of suggestions.")
    personal: bool = Field(default=True, description="False: the shared model alone.")


class PredictionBatch(Request):
    """Several of them, answered in their order."""

    requests: Annotated[list[PredictionRequest], Field(min_length=1, max_length=MAX_BATCH)]


class Suggestion(Answer):
    """A word on a key."""

    word: str = Field(description="Lower-cased, as the model knows it.", examples=["station"])
    text: str = Field(description="What the key shows.", examples=["station"])
    probability: float = Field(
        description="Probability of the word after the context, regardless of the prefix.", examples=[0.031], ge=0
    )


class Predictions(Answer):
    """The suggestions, one for each key."""

    suggestions: list[Suggestion] = Field(description="The most probable first, no word twice.")
    model_id: ModelId


class PredictionsBatch(Answer):
    """The suggestions of each request, in their order, all by the same adapter."""

    predictions: list[list[Suggestion]]
    model_id: ModelId
