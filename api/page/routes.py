"""The page at `/`, its files under `/page/`, and the data of its fleet charts."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.auth.authentication import needs
from api.http.problems import responses
from api.page.fleet import Fleet
from api.routes.parameters import V1, known_queries
from api.schemas.base import KeyScope

_INDEX = "index.html"
_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
# Only the page's own scripts run, requests go to this host only, no site can frame the page, and no text becomes
# markup (trusted types). `data:` is for the icon in the tab.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}
"""`no-cache`: a browser revalidates each file by its ETag, so that users see an update at once."""


@dataclass(frozen=True)
class Asset:
    """One file of the page."""

    content: bytes
    media_type: str
    etag: str


def _path(name: str) -> str:
    return "/" if name == _INDEX else f"/page/{name}"


def _asset(name: str, content: bytes) -> Asset:
    return Asset(content, _MEDIA_TYPES["." + name.rpartition(".")[2]], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


ASSETS = {
    _path(file.name): _asset(file.name, file.read_bytes())
    for file in (resources.files(__package__) / "static").iterdir()
    if file.name.endswith(tuple(_MEDIA_TYPES))
}
"""Every file of the page by its path on the service."""


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
        dependencies=[Depends(known_queries), needs(KeyScope.READ, every_device=True)],
        responses=responses(401, 403, 421, 422, 500, 503),
    )
    async def show() -> Fleet:
        """Returns the simulation that the service was started with: each user's figures, without names."""
        return fleet

    return routes


def _sender(asset: Asset) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:
        headers = {**_HEADERS, "ETag": asset.etag}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, headers=headers, media_type=asset.media_type)

    return send
