"""The page at `/`, its files under `/page/`, and the data of its fleet charts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.auth.api_keys import Scope
from api.auth.authentication import needs
from api.page.assets import ASSETS, HEADERS, Asset
from api.page.fleet import Fleet
from api.problems import responses
from api.routes.parameters import V1, known_queries


def page_router(fleet: Fleet) -> APIRouter:
    """Returns the routes of the page's files, which need no key because they hold no personal data, and `/v1/fleet`."""
    routes = APIRouter()
    for path, asset in ASSETS.items():
        routes.add_api_route(
            path, _sender(asset), methods=["GET", "HEAD"], response_class=Response, include_in_schema=False
        )

    @routes.get(
        V1 + "/fleet",
        tags=["fleet"],
        dependencies=[Depends(known_queries), needs(Scope.READ, of_all=True)],
        responses=responses(401, 403, 422, 500, 503),
    )
    async def show() -> Fleet:
        """Shows the simulation that the service was started with, with each person's figures but without names."""
        return fleet

    return routes


def _sender(asset: Asset) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:
        headers = {**HEADERS, "ETag": asset.etag}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, headers=headers, media_type=asset.media_type)

    return send
