"""The paths' common beginnings. Each router has all of its own: what is logged of a request is that template."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.access import needs
from api.api_keys import Scope
from api.known_queries import known_queries
from api.problems import responses
from api.schemas.base import DeviceId

V1 = "/v1"
Id = Annotated[DeviceId, Path(examples=["emulator-5554"])]
ERRORS = (400, 401, 403, 404, 413, 422, 500, 503)


def device_router(tag: str, scope: Scope = Scope.DEVICE) -> APIRouter:
    """Returns an empty router under `/devices/{device_id}` for keys of `scope`."""
    return APIRouter(
        prefix=V1 + "/devices/{device_id}",
        tags=[tag],
        dependencies=[Depends(known_queries), needs(scope)],
        responses=responses(*ERRORS),
    )
