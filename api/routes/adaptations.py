"""The endpoints `/v1/devices/{id}/adaptations` and `…/adapter`: training a device's adapter, its file, its history."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.auth.authentication import needs
from api.devices.adaptation_jobs import Job
from api.http.problems import Problem, responses
from api.routes.parameters import Id, device_router
from api.schemas.adaptations import (
    MAX_ID,
    UNDERWAY,
    Adaptation,
    AdapterEntry,
    AdapterHistory,
    Rollback,
    RolledBack,
    Verdict,
)
from api.schemas.base import KeyScope
from api.service import Service
from device_runtime.adapter.adapter import AdapterError
from device_runtime.phone.adaptation_log import AdaptationEntry
from device_runtime.phone.phone import PhoneError
from device_runtime.phone.state import SHARED_START

MAX_WAIT = 60
_AdaptationId = Annotated[int, Path(ge=1, le=MAX_ID)]
_Wait = Annotated[float, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for the end before answering.")]
_FILE_TYPE = "application/octet-stream"
_FILE = {"content": {_FILE_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
_FILE_BODY: dict[str, Any] = {"requestBody": {"required": True, **_FILE}}


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = APIRouter()
    routes.include_router(_adaptations(service))
    routes.include_router(_adapter(service))
    return routes


def _adaptations(service: Service) -> APIRouter:
    routes = device_router("adaptations", KeyScope.READ)

    async def wait_for(job: Job, seconds: float, response: Response) -> Adaptation:
        """Waits until the job ends or the time is over. It occupies no thread: threads answer predictions."""
        future = service.adaptations.future(job)
        if future is not None and seconds:
            await asyncio.wait([asyncio.wrap_future(future)], timeout=seconds)
        job = await service.run(lambda: service.jobs.job(job.device_id, job.id))
        response.status_code = 202 if job.state in UNDERWAY else 200
        return _adaptation(job)

    @routes.post(
        "/adaptations",
        status_code=202,
        dependencies=[needs(KeyScope.DEVICE)],
        responses={200: {"model": Adaptation, "description": "The adaptation has ended."}, **responses(409, 429)},
    )
    async def adapt(device_id: Id, response: Response, wait: _Wait = 0) -> Adaptation:
        """Starts to train the device's adapter on its history.

        The adaptation continues if this request is cancelled, and after a restart of the service. A device runs one
        adaptation at a time.
        """
        job = await service.run(lambda: service.adapt(device_id))
        response.headers["Location"] = f"/v1/devices/{device_id}/adaptations/{job.id}"
        return await wait_for(job, wait, response)

    @routes.get(
        "/adaptations/{adaptation_id}",
        responses={202: {"model": Adaptation, "description": "The adaptation has not ended."}},
    )
    async def result(device_id: Id, adaptation_id: _AdaptationId, response: Response, wait: _Wait = 0) -> Adaptation:
        """Returns the state of an adaptation, and the gate's verdict when it is done."""
        await service.run(lambda: service.registry.require(device_id))
        job = await service.run(lambda: service.jobs.job(device_id, adaptation_id))
        return await wait_for(job, wait, response)

    return routes


def _adaptation(job: Job) -> Adaptation:
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


def _adapter(service: Service) -> APIRouter:
    routes = device_router("adapter")

    @routes.get("/adapter", responses={200: _FILE}, response_class=Response)
    async def download(device_id: Id) -> Response:
        """Downloads the adapter in use as safetensors; 404 if the device has no adapter of its own."""

        def read() -> bytes:
            with service.phone(device_id) as phone:
                data = phone.adapter_file()
            if data is None:
                raise Problem(404, "the device has no adapter of its own: it uses the bundle's adapter")
            return data

        return Response(await service.run_slow(read), media_type=_FILE_TYPE)

    @routes.put("/adapter", openapi_extra=_FILE_BODY)
    async def upload(device_id: Id, request: Request) -> AdapterEntry:
        """Uses an adapter that was downloaded from another device, without a test by the gate.

        An adapter of another model is refused (422).
        """
        data = await request.body()

        def use() -> AdaptationEntry:
            with service.phone(device_id) as phone:
                try:
                    return phone.use_adapter_file(data)
                except PhoneError as error:
                    raise _file_problem(error) or error from error

        return _adapter_entry(await service.run_slow(use))

    @routes.get("/adapter/history", dependencies=[needs(KeyScope.DEVICE)])
    async def history(device_id: Id) -> AdapterHistory:
        """Lists every adaptation and upload with the gate's verdict, newest first."""

        def read() -> AdapterHistory:
            with service.phone(device_id) as phone:
                entries = [_adapter_entry(entry) for entry in reversed(phone.adaptations())]
                return AdapterHistory(entries=entries, adapter_id=phone.adapter_id)

        return await service.run(read)

    @routes.post("/adapter/rollback", responses=responses(409))
    async def roll_back(device_id: Id, body: Rollback | None = None) -> RolledBack:
        """Returns to an earlier adapter that is still stored, or to the bundle's own."""
        to = body.to if body else None

        def go_back() -> RolledBack:
            with service.phone(device_id) as phone:
                try:
                    return RolledBack(rolled_back=phone.rollback(to), adapter_id=phone.adapter_id)
                except PhoneError as error:
                    if to in (None, SHARED_START) or any(
                        entry.id == to and entry.stored for entry in phone.adaptations()
                    ):
                        raise
                    detail = "that adapter is not stored: GET adapter/history lists the entries and which are stored"
                    raise Problem(409, detail) from error

        return await service.run_slow(go_back)

    return routes


def _file_problem(error: PhoneError) -> Problem | None:
    """Returns the answer if the uploaded file is wrong; None if the storage failed."""
    cause = error.__cause__ and error.__cause__.__cause__
    if not isinstance(cause, AdapterError):
        return None
    return Problem(422, f"the adapter {str(cause).partition(' ')[2]}")  # without the name of the file on this machine


def _adapter_entry(entry: AdaptationEntry) -> AdapterEntry:
    return AdapterEntry(
        id=entry.id,
        at=entry.at,
        cause=entry.cause,
        model_id=entry.model_id,
        messages=entry.messages,
        first_at=entry.first_at,
        last_at=entry.last_at,
        verdict=Verdict(
            kept=entry.kept, reason=entry.reason, before=entry.before, after=entry.after, tail_words=entry.tail_words
        ),
        steps=entry.steps,
        seconds=entry.seconds,
        stored=entry.stored,
    )
