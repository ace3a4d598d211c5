"""Devices. Each device is one phone."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.base import Answer, DeviceId, ModelId, Request


class NewDevice(Request):
    """A device to create; without an id, the service chooses one."""

    device_id: DeviceId | None = Field(default=None, examples=["emulator-5554"])


class DeviceEntry(Answer):
    """A device in a list."""

    device_id: str = Field(examples=["emulator-5554"])
    created_at: datetime


class Device(DeviceEntry):
    """A device."""

    model_id: ModelId
    messages: int = Field(description="Messages in the device's history.")
    words: int = Field(description="Words in these messages.")
    personal: bool = Field(description="Whether the device has an adapter of its own. If not, it uses the bundle's.")
    incognito: bool = Field(description="While this is true, the device learns nothing from messages.")
    fallen_back: bool = Field(
        default=False,
        description="Whether the device suggests the shared model's words for now, because lately its own did worse.",
    )


class DevicePage(Answer):
    """Devices, sorted by id."""

    devices: list[DeviceEntry]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last page.")


class DeviceChange(Request):
    """A change of a device."""

    incognito: bool = Field(description="True: the device learns nothing from later messages.")


class DeletionUnderway(Answer):
    """A deleted device of which something is left. The service removes it as soon as it can."""

    device_id: str
    state: Literal["deleting"] = "deleting"
    detail: str
    id_in_use: bool = Field(description="Whether a new device cannot have this id yet.")
    readable_files: int = Field(description="Files whose content could not be erased yet.")
    files_left: int = Field(description="Files and folders that could not be removed yet; the others are empty.")
