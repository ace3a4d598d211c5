"""The bundles of the service, and its health."""

from __future__ import annotations

from pydantic import Field

from api.schemas.base import Answer, ModelId


class BundleEntry(Answer):
    """A bundle that apps can download."""

    model_id: ModelId
    name: str = Field(examples=["first"])
    synthetic: bool = Field(description="Whether the shared model was trained on synthetic messages.")
    bytes: int = Field(description="Size of the download.")
    etag: str = Field(description="ETag of the download.", examples=['"2c26b46b68ffc68ff99b453c1d304134"'])


class Bundles(Answer):
    """The bundles of this service. Its devices use the first one."""

    bundles: list[BundleEntry]


class Health(Answer):
    """The process runs."""

    status: str = Field(examples=["ok"])
    model_id: ModelId
    bundle: str = Field(description="The bundle's name.")
    synthetic: bool = Field(description="Whether the shared model was trained on synthetic messages.")


class Readiness(Answer):
    """The service can answer requests: its storage can be used."""

    status: str = Field(examples=["ready"])
