"""What goes over the wire: requests are checked strictly, unknown keys are errors."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

MAX_TEXT = 20_000
MAX_MESSAGES = 1_000
MAX_SUGGESTIONS = 10
MAX_PREFIX = 64

# A device's folder bears its id: nothing in an id may lead elsewhere.
DeviceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("a time is text in ISO 8601, such as 2024-05-01T18:30:00+08:00")
    try:
        time = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError("not a time in ISO 8601, such as 2024-05-01T18:30:00+08:00") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


Loss = Annotated[float | None, BeforeValidator(_finite)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class NewDevice(_Request):
    """A device to create; without an id it is given one."""

    device_id: DeviceId | None = Field(default=None, examples=["emulator-5554"])


class Device(_Answer):
    device_id: str = Field(examples=["emulator-5554"])
    created_at: datetime
    model_id: str = Field(description="Of the shared model that the device runs: `model_id` of the bundle's manifest.")
    messages: int = Field(description="Messages in the device's history.")


class Message(_Request):
    """One message that the device's owner wrote."""

    text: Text = Field(examples=["see you at the station"])
    timestamp: Annotated[datetime | None, BeforeValidator(_time)] = Field(
        default=None,
        description="When it was typed, ISO 8601; UTC where it names no zone.",
        examples=["2024-05-01T18:30Z"],
    )


class NewMessages(_Request):
    """Messages in the order they were written."""

    messages: Annotated[list[Message], Field(max_length=MAX_MESSAGES)]


class Observed(_Answer):
    observed: int = Field(description="Messages of this call that are on disk now; blank ones are left out.")
    messages: int = Field(description="Messages in the device's history.")


class PredictionRequest(_Request):
    """What stands before the cursor."""

    context: Text = Field(description="The message before the word being typed.", examples=["see you at the"])
    prefix: Annotated[str, StringConstraints(max_length=MAX_PREFIX)] = Field(
        default="", description="What of that word was typed.", examples=["st"]
    )
    k: int = Field(default=3, ge=1, le=MAX_SUGGESTIONS, description="Suggestions wanted.")
    personal: bool = Field(default=True, description="False: the shared model alone.")


class Suggestion(_Answer):
    word: str = Field(description="Lower-cased, as the model knows it.", examples=["station"])
    text: str = Field(description="What the key shows.", examples=["station"])
    probability: float = Field(
        description="That this is the next word, whatever of it was typed.", examples=[0.031], ge=0
    )


class Predictions(_Answer):
    suggestions: list[Suggestion] = Field(description="The most probable first, no word twice.")
    model_id: str


class Verdict(_Answer):
    """What the gate decided on the newest messages, which the adapter did not learn from."""

    kept: bool = Field(description="Whether the new adapter replaced the old.")
    reason: str
    before: Loss = Field(description="Mean loss of the old adapter, nats a word; null where it is no number.")
    after: Loss = Field(description="Mean loss of the new adapter.")
    tail_words: int = Field(description="Words that both were judged on.")


class Adaptation(_Answer):
    verdict: Verdict
    steps: int = Field(description="Local training steps taken.")
    seconds: float
    model_id: str


class Health(_Answer):
    status: str = Field(examples=["ok"])
    model_id: str
    bundle: str = Field(description="The bundle's name.")
    synthetic: bool = Field(description="Whether the shared model was trained on messages that a program made up.")
    devices: int
