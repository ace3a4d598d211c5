"""Base classes and types that requests and answers share, and the limits of requests."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

MAX_TEXT = 20_000
MAX_MESSAGES = 1_000
MAX_SUGGESTIONS = 10
MAX_PREFIX = 64
MAX_BATCH = 100
MAX_BLOCKED_WORDS = 10_000
MAX_WORD = 64

# A device's id is the name of its folder, so it must not contain a path.
DEVICE_ID = r"^[A-Za-z0-9_-]{1,64}$"
DeviceId = Annotated[str, StringConstraints(pattern=DEVICE_ID)]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
ModelId = Annotated[
    str,
    Field(
        description="The shared model: `model_id` of the bundle's manifest.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]


class KeyScope(StrEnum):
    """What an API key allows. Each scope includes the ones before it.

    read: bundles, the list of devices, results of adaptations, metrics; no text that a user typed.
    device: create devices, and all requests to a device except its deletion.
    admin: delete devices.
    """

    READ = "read"
    DEVICE = "device"
    ADMIN = "admin"

    def includes(self, needed: KeyScope) -> bool:
        """Whether a key of this scope is enough for a route that needs `needed`."""
        order = list(KeyScope)
        return order.index(self) >= order.index(needed)


class Request(BaseModel):
    """Base class of requests. Unknown keys are errors and types are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Answer(BaseModel):
    """Base class of answers."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


_NO_TIME = "not a time in ISO 8601, such as 2024-05-01T18:30:00+08:00"
_LEAP_SECOND = re.compile(r"([^:]+[T ][0-9]{2}:[0-9]{2}):60(.*)")
"""RFC 3339 allows the second 60 at the end of a day in UTC. It is read as the beginning of the next second."""
_OFFSET = re.compile(r"[+-][0-9]{2}:?([0-9]{2})$")


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):  # from Python: JSON has no times
        return _in_whole_minutes(value if value.tzinfo else value.replace(tzinfo=UTC))
    if not isinstance(value, str):
        raise ValueError("a time is a string in ISO 8601, such as 2024-05-01T18:30:00+08:00")
    leap = _LEAP_SECOND.fullmatch(value)
    try:
        time = datetime.fromisoformat(f"{leap[1]}:59{leap[2]}" if leap else value)
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        if leap:
            if f"{time.astimezone(UTC):%H:%M}" != "23:59":
                raise ValueError("no leap second")
            time += timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(_NO_TIME) from error
    offset = _OFFSET.search(value)
    if (offset and int(offset[1]) > 59) or not _is_whole_minutes(time):
        raise ValueError(_NO_TIME)
    return time


def _is_whole_minutes(time: datetime) -> bool:
    return (time.utcoffset() or timedelta()) % timedelta(minutes=1) == timedelta()


def _in_whole_minutes(time: datetime) -> datetime:
    """Returns the time in UTC if its offset has seconds, which RFC 3339 does not allow."""
    return time if _is_whole_minutes(time) else time.astimezone(UTC)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""Accepts 3.0 as an integer, as JSON Schema does."""
Time = Annotated[datetime, BeforeValidator(_time), WithJsonSchema({"type": "string", "format": "date-time"})]
"""ISO 8601; UTC if it has no time zone. The offset is whole minutes, as in RFC 3339."""
ShownTime = Annotated[datetime, AfterValidator(_in_whole_minutes)]
"""A time in an answer, in RFC 3339."""
Loss = Annotated[float | None, BeforeValidator(_finite)]
