"""Adaptations, and the adapters that they train."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from api.schemas.base import WHOLE, Answer, Loss, ModelId, Request, ShownTime

MAX_ID = 2**53 - 1
"""The largest integer that every JSON reader represents exactly."""


class State(StrEnum):
    """An adaptation is queued, then running, then done (the gate has decided) or failed (it could not run)."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


UNDERWAY = (State.QUEUED, State.RUNNING)


class Verdict(Answer):
    """The gate's decision, made on the newest messages, which the new adapter did not learn from."""

    kept: bool = Field(description="Whether the new adapter replaced the old one.")
    reason: str
    before: Loss = Field(description="Mean loss of the old adapter in nats a word; null if the loss is not a number.")
    after: Loss = Field(description="Mean loss of the new adapter; null if the loss is not a number.")
    tail_words: int = Field(description="Number of words that both adapters were tested on.")


class Adaptation(Answer):
    """An adaptation that was requested."""

    adaptation_id: int
    state: State = Field(
        description="queued, running, done (the gate has decided: see verdict) or failed (see reason)."
    )
    model_id: ModelId
    created_at: datetime
    finished_at: datetime | None
    verdict: Verdict | None = Field(description="Set when the state is done.")
    reason: str | None = Field(description="Set when the state is failed.")
    steps: int | None = Field(description="Local training steps taken.")
    seconds: float | None


class AdapterEntry(Answer):
    """One change of a device's adapter, or an adaptation that the gate refused."""

    id: int
    at: datetime
    cause: str = Field(examples=["asked"])
    model_id: ModelId
    messages: int = Field(description="Number of messages that it read, including the held-out ones.")
    first_at: ShownTime | None = Field(description="When the first of them was typed, if known.")
    last_at: ShownTime | None
    verdict: Verdict
    steps: int
    seconds: float
    stored: bool = Field(description="Whether a rollback to this adapter is possible.")


class AdapterHistory(Answer):
    """The history of a device's adapter, newest first."""

    entries: list[AdapterEntry]
    adapter_id: int = Field(description="Id of the entry whose adapter is in use; 0: the bundle's adapter.")


class Rollback(Request):
    """The adapter to return to."""

    to: Annotated[int, Field(ge=0, le=MAX_ID), WHOLE] | None = Field(
        default=None,
        description="Id of a stored entry of the adapter's history. 0: the bundle's adapter. null: the adapter before "
        "the one in use.",
    )


class RolledBack(Answer):
    """The adapter in use after a rollback."""

    rolled_back: bool = Field(description="False: there is no earlier adapter.")
    adapter_id: int = Field(description="Id of the entry whose adapter is in use now; 0: the bundle's adapter.")
