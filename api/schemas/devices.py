"""Devices: a phone each."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.schemas.base import Answer, DeviceId, ModelId, Request


class NewDevice(Request):
    """A device to create; without an id it is given one."""

    device_id: DeviceId | None = Field(default=None, examples=["emulator-5554"])


class DeviceEntry(Answer):
    """A device in a list."""

    device_id: str = Field(examples=["emulator-5554"])
    created_at: datetime


class Device(DeviceEntry):
    """A device."""

    model_id: ModelId
    messages: int = Field(description="Messages in the device's history.")
    words: int = Field(description="Words counted from them.")
    personal: bool = Field(description="Whether it has an adapter of its own; else it types on the shared start.")
    incognito: bool = Field(description="While true, nothing that is typed is learnt.")


class DevicePage(Answer):
    """Devices in the order of their ids."""

    devices: list[DeviceEntry]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last.")


class DeviceChange(Request):
    """What of a device is to change."""

    incognito: bool = Field(description="True: nothing that is typed from now on is learnt.")
