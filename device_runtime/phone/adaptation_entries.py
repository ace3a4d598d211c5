"""An adaptation, or an adapter from elsewhere, as an entry of the phone's log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from device_runtime.adaptation.adapt import Adaptation
from device_runtime.phone.adaptation_log import AdaptationEntry, Cause, number
from device_runtime.phone.folder import PhoneFolder
from device_runtime.phone.message_history import Message


def entry_of(
    result: Adaptation, folder: PhoneFolder, read: Sequence[Message], cause: Cause, at: datetime
) -> AdaptationEntry:
    """Returns the entry of an adaptation that read these messages, oldest first."""
    verdict = result.verdict
    return AdaptationEntry(
        id=folder.log.next_id(),
        at=at,
        cause=cause,
        model_id=folder.state.now.model_id,
        messages=len(read),
        first_message=read[0].id if read else None,
        last_message=read[-1].id if read else None,
        first_at=read[0].at if read else None,
        last_at=read[-1].at if read else None,
        tail_words=verdict.tail_words,
        before=number(verdict.before) if verdict.tail_words else None,
        after=number(verdict.after) if verdict.tail_words else None,
        kept=verdict.kept,
        reason=verdict.reason,
        steps=result.steps,
        seconds=result.seconds,
        replaced=folder.state.now.adapter,
        stored=verdict.kept,
    )


def uploaded(folder: PhoneFolder, at: datetime) -> AdaptationEntry:
    """Returns the entry of an adapter's file from elsewhere."""
    return AdaptationEntry(
        id=folder.log.next_id(),
        at=at,
        cause="uploaded",
        model_id=folder.state.now.model_id,
        messages=0,
        first_message=None,
        last_message=None,
        first_at=None,
        last_at=None,
        tail_words=0,
        before=None,
        after=None,
        kept=True,
        reason="an adapter from elsewhere, which no gate judged",
        steps=0,
        seconds=0.0,
        replaced=folder.state.now.adapter,
        stored=True,
    )
