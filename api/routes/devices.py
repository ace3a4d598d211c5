"""The endpoints `/v1/devices` and `/v1/devices/{id}`: one phone for each device."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.auth.authentication import OTHER_DEVICE, caller, needs
from api.devices import registry
from api.devices.deletions import RETRY_SECONDS
from api.http.problems import Problem, responses
from api.routes.parameters import ERRORS, V1, Cursor, Id, Limit, known_queries
from api.schemas.base import KeyScope
from api.schemas.devices import DeletionUnderway, Device, DeviceChange, DeviceEntry, DevicePage, NewDevice
from api.service import Service
from device_runtime.phone.phone import Phone
from device_runtime.phone.state import SHARED_START

_LEFT = "the device is deleted and unknown to every request; the service keeps trying to remove the rest"


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = APIRouter(
        prefix=V1 + "/devices", tags=["devices"], dependencies=[Depends(known_queries)], responses=responses(*ERRORS)
    )

    def describe(device: registry.Device, phone: Phone) -> Device:
        return Device(
            device_id=device.id,
            created_at=device.created_at,
            model_id=service.model_id,
            messages=phone.messages,
            words=phone.words,
            personal=phone.adapter_id != SHARED_START,
            incognito=phone.incognito,
            fallen_back=phone.fallen_back,
        )

    @routes.post("", status_code=201, dependencies=[needs(KeyScope.DEVICE)], responses=responses(409, 429))
    async def create(request: Request, body: NewDevice | None = None) -> Device:
        """Creates a device with an empty history. A key for one device can create only that device."""
        own = caller(request).device_id
        device_id = (body and body.device_id) or own or secrets.token_hex(16)
        if own not in (None, device_id):
            raise Problem(403, OTHER_DEVICE)

        def add() -> Device:
            with service.registry.adding(device_id) as device, service.phones.use(device_id, new=True) as phone:
                return describe(device, phone)

        return await service.create(add)

    @routes.get("", dependencies=[needs(KeyScope.READ, every_device=True)])
    async def devices(limit: Limit = 50, cursor: Cursor = None) -> DevicePage:
        """Lists the devices, sorted by id, one page at a time."""
        found = await service.run(lambda: service.registry.page(cursor or "", limit + 1))
        more, page = len(found) > limit, found[:limit]
        return DevicePage(
            devices=[DeviceEntry(device_id=each.id, created_at=each.created_at) for each in page],
            next_cursor=page[-1].id if more else None,
        )

    @routes.get("/{device_id}", dependencies=[needs(KeyScope.READ)])
    async def show(device_id: Id) -> Device:
        """Returns a device."""

        def read() -> Device:
            with service.phone(device_id) as phone:
                return describe(service.registry.device(device_id), phone)

        return await service.run(read)

    @routes.patch("/{device_id}", dependencies=[needs(KeyScope.DEVICE)])
    async def change(device_id: Id, body: DeviceChange) -> Device:
        """Switches incognito on or off."""

        def switch() -> Device:
            with service.phone(device_id) as phone:
                phone.incognito = body.incognito
                return describe(service.registry.device(device_id), phone)

        return await service.run(switch)

    @routes.delete(
        "/{device_id}",
        status_code=204,
        dependencies=[needs(KeyScope.ADMIN)],
        response_model=None,
        responses={202: {"model": DeletionUnderway, "description": "The device is gone, but not all of its files."}},
    )
    async def delete(device_id: Id) -> Response:
        """Deletes a device and all of its data: messages, adapters, adaptations. This cannot be undone.

        If some files cannot be removed now, the answer is 202 and says what is left. The service tries again by
        itself, and so does another DELETE, which answers 204 when nothing is left.
        """
        deletion = await service.run_slow(lambda: service.delete(device_id))
        if deletion.is_done:
            return Response(status_code=204)
        left = DeletionUnderway(
            device_id=device_id,
            detail=_LEFT,
            id_in_use=deletion.id_in_use,
            readable_files=deletion.remainder.readable,
            files_left=deletion.remainder.entries,
        )
        retry = {"Retry-After": f"{RETRY_SECONDS:.0f}"}
        return Response(left.model_dump_json(), 202, headers=retry, media_type="application/json")

    return routes
