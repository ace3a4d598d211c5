"""The endpoints `/v1/devices/{id}/adaptations`: an adaptation takes a while, so it is started and then polled."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from starlette.concurrency import run_in_threadpool

from api.auth.api_keys import Scope
from api.auth.authentication import needs
from api.devices.adaptation_jobs import Job
from api.problems import responses
from api.routes.parameters import Id, device_router
from api.schemas.adaptations import MAX_ID, UNDERWAY, Adaptation, Verdict
from api.service import Service

MAX_WAIT = 60
_AdaptationId = Annotated[int, Path(ge=1, le=MAX_ID)]
_Wait = Annotated[float, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for the end before answering.")]


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = device_router("adaptations", Scope.READ)

    async def awaited(job: Job, seconds: float, response: Response) -> Adaptation:
        """Returns the job when it ends or the time is over. No thread waits: threads answer predictions."""
        future = service.adaptations.future(job)
        if future is not None and seconds:
            await asyncio.wait([asyncio.wrap_future(future)], timeout=seconds)
        job = await run_in_threadpool(service.jobs.job, job.device_id, job.id)
        response.status_code = 202 if job.state in UNDERWAY else 200
        return _shown(job)

    @routes.post(
        "/adaptations",
        status_code=202,
        dependencies=[needs(Scope.DEVICE)],
        responses={200: {"model": Adaptation, "description": "It is over."}, **responses(409, 429)},
    )
    async def adapt(device_id: Id, response: Response, wait: _Wait = 0) -> Adaptation:
        """Starts to train the device's adapter on its history.

        It continues if this request is cancelled, and after a restart of the service. A device runs one adaptation at
        a time.
        """
        job = await run_in_threadpool(service.adapt, device_id)
        response.headers["Location"] = f"/v1/devices/{device_id}/adaptations/{job.id}"
        return await awaited(job, wait, response)

    @routes.get(
        "/adaptations/{adaptation_id}",
        responses={202: {"model": Adaptation, "description": "It is not over."}},
    )
    async def result(device_id: Id, adaptation_id: _AdaptationId, response: Response, wait: _Wait = 0) -> Adaptation:
        """Shows the state of an adaptation, and the gate's verdict when it is done."""
        await run_in_threadpool(service.registry.require, device_id)
        job = await run_in_threadpool(service.jobs.job, device_id, adaptation_id)
        return await awaited(job, wait, response)

    return routes


def _shown(job: Job) -> Adaptation:
    return Adaptation(
        adaptation_id=job.id,
        state=job.state,
        model_id=job.model_id,
        created_at=job.created_at,
        finished_at=job.finished_at,
        verdict=job.verdict and Verdict(**dataclasses.asdict(job.verdict)),
        reason=job.reason,
        steps=job.steps,
        seconds=job.seconds,
    )
