"""The bundle that is served, and the health of the service."""

from __future__ import annotations

from pydantic import Field

from api.schemas.base import Answer, ModelId


class BundleEntry(Answer):
    """A bundle that apps can download."""

    model_id: ModelId
    name: str = Field(examples=["first"])
    synthetic: bool = Field(description="Whether the shared model was trained on synthetic messages.")
    bytes: int = Field(description="Of the download.")
    etag: str = Field(description="Of the download.", examples=['"2c26b46b68ffc68ff99b453c1d304134"'])


class Bundles(Answer):
    """The bundles of this service; its devices run the first."""

    bundles: list[BundleEntry]


class Health(Answer):
    """The process is alive."""

    status: str = Field(examples=["ok"])
    model_id: ModelId
    bundle: str = Field(description="The bundle's name.")
    synthetic: bool = Field(description="Whether the shared model was trained on synthetic messages.")


class Readiness(Answer):
    """The process can answer: its storage can be used."""

    status: str = Field(examples=["ready"])
