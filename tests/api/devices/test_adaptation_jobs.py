from __future__ import annotations

import math
from dataclasses import replace

import pytest

from api.devices import adaptation_jobs
from api.devices.adaptation_jobs import AdaptationJobs, UnknownAdaptationError
from api.schemas.adaptations import State
from api.storage.database import Database
from device_runtime.adaptation.adapt import Adaptation, Verdict
from device_runtime.adapter.adapter import Adapter

VERDICT = Verdict(True, "the new adapter gains", 12, 7.5, 7.25)
RESULT = Adaptation(Adapter([[0.0]], [[0.0]], [0.0]), VERDICT, 20, 0.5)  # type: ignore[arg-type]


def test_a_job_goes_from_queued_to_done(database: Database) -> None:
    jobs = AdaptationJobs(database)
    job = jobs.add("phone", "m" * 64)
    assert (job.state, job.device_id, job.verdict) == (State.QUEUED, "phone", None)
    jobs.begin(job.id)
    assert [each.state for each in jobs.underway()] == [State.RUNNING]
    jobs.finish(job, RESULT)
    done = jobs.job("phone", job.id)
    assert (done.state, done.verdict, done.steps, done.seconds) == (State.DONE, VERDICT, 20, 0.5)
    assert done.finished_at is not None and done.finished_at >= done.created_at and jobs.underway() == []


def test_an_infinite_loss_is_read_back_as_nan(database: Database) -> None:
    jobs = AdaptationJobs(database)
    job = jobs.add("phone", "m")
    jobs.finish(job, replace(RESULT, verdict=replace(VERDICT, after=math.inf)))
    verdict = jobs.job("phone", job.id).verdict
    assert verdict is not None and math.isnan(verdict.after) and verdict.before == 7.5


def test_a_failed_job_has_a_reason(database: Database) -> None:
    jobs = AdaptationJobs(database)
    job = jobs.add("phone", "m")
    jobs.fail(job.id, "the disk is full")
    failed = jobs.job("phone", job.id)
    assert (failed.state, failed.reason, failed.verdict) == (State.FAILED, "the disk is full", None)


def test_a_job_belongs_to_one_device(database: Database) -> None:
    jobs = AdaptationJobs(database)
    job = jobs.add("phone", "m")
    for device_id, job_id in (("other", job.id), ("phone", job.id + 1), ("phone", 2**53 - 1)):
        with pytest.raises(UnknownAdaptationError):
            jobs.job(device_id, job_id)


def test_keeps_only_the_newest_jobs_of_a_device(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation_jobs, "KEPT_PER_DEVICE", 3)
    jobs = AdaptationJobs(database)
    other = jobs.add("other", "m")
    made = [jobs.add("phone", "m") for _ in range(5)]
    for job in made:
        jobs.finish(job, RESULT)
    for job in made[:2]:
        with pytest.raises(UnknownAdaptationError):
            jobs.job("phone", job.id)
    assert [jobs.job("phone", job.id).state for job in made[2:]] == [State.DONE] * 3
    assert jobs.job("other", other.id).state is State.QUEUED
