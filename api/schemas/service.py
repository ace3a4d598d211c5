"""The service about itself."""

from __future__ import annotations

from pydantic import Field

from api.schemas.base import Answer, ModelId


class Health(Answer):
    """The process lives."""

    status: str = Field(examples=["ok"])
    model_id: ModelId
    bundle: str = Field(description="The bundle's name.")
    synthetic: bool = Field(description="Whether the shared model was trained on messages that a program made up.")


class Readiness(Answer):
    """The process can answer: its storage is there."""

    status: str = Field(examples=["ready"])
