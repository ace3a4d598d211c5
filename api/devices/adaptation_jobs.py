"""The table of requested adaptations, so that no request is lost when the service stops or crashes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from api.schemas.adaptations import UNDERWAY, State
from api.storage.database import Database
from api.storage.schema import ADAPTATIONS as JOBS
from device_runtime.adaptation.adapt import Adaptation, Verdict

KEPT_PER_DEVICE = 100
"""Older rows are deleted. A phone has its own log of adaptations in its folder."""


class UnknownAdaptationError(ValueError):
    """The device has no adaptation with this id."""


@dataclass(frozen=True)
class Job:
    """One adaptation. `verdict`, `steps` and `seconds` are set when it is done, `reason` when it failed."""

    id: int
    device_id: str
    state: State
    model_id: str
    created_at: datetime
    finished_at: datetime | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    steps: int | None = None
    seconds: float | None = None


class AdaptationJobs:
    """The table of adaptations. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, device_id: str, model_id: str) -> Job:
        """Stores a new job in the state queued. It is on disk when this returns."""
        row = {
            "device_id": device_id,
            "state": State.QUEUED.value,
            "model_id": model_id,
            "created_at": datetime.now(UTC),
        }
        with self._database.writing() as connection:
            found = connection.execute(insert(JOBS).values(row).returning(*JOBS.c)).one()
            return _job(found)

    def begin(self, job_id: int) -> None:
        """Marks a job as running."""
        self._set(job_id, state=State.RUNNING.value)

    def finish(self, job: Job, result: Adaptation) -> None:
        """Stores the result of a job and deletes the device's oldest jobs."""
        verdict = result.verdict
        self._set(
            job.id,
            state=State.DONE.value,
            finished_at=datetime.now(UTC),
            kept=verdict.kept,
            reason=verdict.reason[:500],
            before=_finite(verdict.before),
            after=_finite(verdict.after),
            tail_words=verdict.tail_words,
            steps=result.steps,
            seconds=result.seconds,
        )
        newest = select(JOBS.c.id).where(JOBS.c.device_id == job.device_id).order_by(JOBS.c.id.desc())
        with self._database.writing() as connection:
            old = delete(JOBS).where(JOBS.c.device_id == job.device_id, JOBS.c.id.not_in(newest.limit(KEPT_PER_DEVICE)))
            connection.execute(old)

    def fail(self, job_id: int, reason: str) -> None:
        """Marks a job as failed, with the reason."""
        self._set(job_id, state=State.FAILED.value, finished_at=datetime.now(UTC), reason=reason)

    def job(self, device_id: str, job_id: int) -> Job:
        """Returns a job. Raises UnknownAdaptationError if the device has no job with this id."""
        with self._database.reading() as connection:
            found = connection.execute(select(JOBS).where(JOBS.c.id == job_id, JOBS.c.device_id == device_id)).first()
        if found is None:
            raise UnknownAdaptationError("the device has no adaptation with this id")
        return _job(found)

    def underway(self) -> list[Job]:
        """Returns the jobs that are queued or running, oldest first."""
        wanted = select(JOBS).where(JOBS.c.state.in_([state.value for state in UNDERWAY])).order_by(JOBS.c.id)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(wanted)]

    def _set(self, job_id: int, **values: Any) -> None:
        with self._database.writing() as connection:
            connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values))


def _finite(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None


def _job(row: Row[Any]) -> Job:
    state = State(row.state)
    verdict = None
    if state is State.DONE:
        losses = (math.nan if loss is None else loss for loss in (row.before, row.after))
        verdict = Verdict(row.kept, row.reason, row.tail_words, *losses)
    reason = row.reason if state is State.FAILED else None
    common = (row.id, row.device_id, state, row.model_id, row.created_at, row.finished_at)
    return Job(*common, verdict, reason, row.steps, row.seconds)
