"""What one phone's days came to, counted: a line of `lives.jsonl`.

Reasons without their figures, so that phones can be counted by them.
"""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict


class Days(BaseModel):
    """Counts by day, each list `[days]`.

    Attributes:
        typed: Messages that the phone saw.
        missed: Messages that its owner wrote while it was off.
        words: Words tested, the same for both keyboards.
        shared_at_1, shared_at_3, personal_at_1, personal_at_3: Of them, suggested first, among the three.
        adapted: Adaptations that ran.
        kept: Of them, those that the gate kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    typed: list[int]
    missed: list[int]
    words: list[int]
    shared_at_1: list[int]
    shared_at_3: list[int]
    personal_at_1: list[int]
    personal_at_3: list[int]
    adapted: list[int]
    kept: list[int]

    @classmethod
    def none(cls, days: int) -> Days:
        """As many days on which nothing has happened yet; the lists are to be counted up."""
        return cls(**{name: [0] * days for name in cls.model_fields})


class DeviceTimeline(BaseModel):
    """One phone's days.

    Attributes:
        phone: Its number in the fleet.
        user_id: Whose messages it saw.
        own_times: Whether they bear their own times; else the times were drawn.
        clock_right: Whether its clock showed the true time throughout.
        new_bundle_day: From which day on it ran the second bundle; None = never.
        days: What was counted.
        refused: Looks at which the policy let no adaptation begin, by reason.
        turned_down: Adaptations that ran and that the gate did not keep, by reason.
        adapter_bytes: Of the adapter it has in the end; 0 = none.
        adaptation_seconds: That all its adaptations took, on this machine: the one thing that another run changes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone: int
    user_id: str
    own_times: bool
    clock_right: bool
    new_bundle_day: int | None
    days: Days
    refused: dict[str, int]
    turned_down: dict[str, int]
    adapter_bytes: int
    adaptation_seconds: float


_FIGURE = re.compile(r"-?(\d+ days?, )?\d+([.:]\d+)*")


def kind_of(reason: str) -> str:
    """Returns the reason with `…` in place of each number or span of time."""
    return _FIGURE.sub("…", reason)
