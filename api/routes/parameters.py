"""Parameters and routers that endpoints share.

A cursor is the last item of the previous page; callers must not interpret it. Unknown query parameters are errors, like
unknown keys, so that a misspelt name is not silently ignored. Each router has its whole path as its prefix, because
the access log shows that template.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.routing import APIRoute

from api.auth.authentication import needs
from api.http.problems import Problem, responses
from api.schemas.base import DeviceId, KeyScope

MAX_PAGE = 200
Cursor = Annotated[
    str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="`next_cursor` of the previous page, unchanged.")
]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="The maximum number of devices to return.")]


async def known_queries(request: Request) -> None:
    """Raises Problem (422) for a query parameter that the route does not have. Every router depends on this."""
    route = request.scope["route"]
    known = {parameter.alias for parameter in route.dependant.query_params} if isinstance(route, APIRoute) else set()
    if request.query_params.keys() - known:
        allowed = ", ".join(sorted(known)) or "no query parameters"
        raise Problem(422, f"unknown query parameter: this path accepts {allowed}")


V1 = "/v1"
Id = Annotated[DeviceId, Path(examples=["emulator-5554"])]
ERRORS = (400, 401, 403, 404, 413, 421, 422, 500, 503)


def device_router(tag: str | None = None, scope: KeyScope = KeyScope.DEVICE) -> APIRouter:
    """Returns an empty router under `/v1/devices/{device_id}` for keys of `scope`.

    Args:
        tag: The OpenAPI tag of its routes; None = each route has its own.
    """
    return APIRouter(
        prefix=V1 + "/devices/{device_id}",
        tags=[tag] if tag else None,
        dependencies=[Depends(known_queries), needs(scope)],
        responses=responses(*ERRORS),
    )
