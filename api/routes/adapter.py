"""The endpoints `/v1/devices/{id}/adapter`: the device's adapter as a file, and its history."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth.api_keys import Scope
from api.auth.authentication import needs
from api.problems import Problem, responses
from api.routes.parameters import Id, device_router
from api.schemas.adaptations import AdapterEntry, AdapterHistory, Rollback, RolledBack, Verdict
from api.service import Service
from device_runtime.adapter.adapter import AdapterError
from device_runtime.phone.adaptation_log import AdaptationEntry
from device_runtime.phone.phone import PhoneError
from device_runtime.phone.state import SHARED_START

MEDIA_TYPE = "application/octet-stream"
_FILE = {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
_BODY: dict[str, Any] = {"requestBody": {"required": True, **_FILE}}


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = device_router("adapter")

    @routes.get("/adapter", responses={200: _FILE}, response_class=Response)
    async def download(device_id: Id) -> Response:
        """Downloads the adapter in use as safetensors; 404 if the device has no adapter of its own."""

        def read() -> bytes:
            with service.phone(device_id) as phone:
                data = phone.adapter_file()
            if data is None:
                raise Problem(404, "the device has no adapter of its own: it types on the bundle's")
            return data

        return Response(await service.slow(read), media_type=MEDIA_TYPE)

    @routes.put("/adapter", openapi_extra=_BODY)
    async def upload(device_id: Id, request: Request) -> AdapterEntry:
        """Uses an adapter that was downloaded from another device, ungated. One of another model is refused (422)."""
        data = await request.body()

        def use() -> AdaptationEntry:
            with service.phone(device_id) as phone:
                try:
                    return phone.use_adapter_file(data)
                except PhoneError as error:
                    raise _refusal(error) or error from error

        return _shown(await service.slow(use))

    @routes.get("/adapter/history", dependencies=[needs(Scope.DEVICE)])
    def history(device_id: Id) -> AdapterHistory:
        """Lists every adaptation and upload, the newest first, with the gate's verdicts."""
        with service.phone(device_id) as phone:
            entries = [_shown(entry) for entry in reversed(phone.adaptations())]
            return AdapterHistory(entries=entries, adapter_id=phone.adapter_id)

    @routes.post("/adapter/rollback", responses=responses(409))
    async def roll_back(device_id: Id, body: Rollback | None = None) -> RolledBack:
        """Goes back to an adapter that is still stored, or to the bundle's own."""
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
                    gone = "that adapter is not stored: the entries of GET adapter/history say which are"
                    raise Problem(409, gone) from error

        return await service.slow(go_back)

    return routes


def _refusal(error: PhoneError) -> Problem | None:
    """Returns the answer if the file is wrong; None if the storage failed."""
    cause = error.__cause__ and error.__cause__.__cause__
    if not isinstance(cause, AdapterError):
        return None
    return Problem(422, f"the adapter {str(cause).partition(' ')[2]}")  # without the name of the file on this machine


def _shown(entry: AdaptationEntry) -> AdapterEntry:
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
