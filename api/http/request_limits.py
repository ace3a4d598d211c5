"""Refuses request bodies that are too large, and requests to an insecure service under another host name.

The limit of a body is ours because Starlette's answers in plain text.

A web page can make its own host name resolve to 127.0.0.1 (DNS rebinding). The browser then lets the page read every
answer. The browser sends that name in `Host`, so an insecure service checks this header.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import Problem, problem

MAX_BODY = 8 * 1024 * 1024


class BodyLimit:
    """ASGI middleware: answers 413 to a body of more than `limit` bytes, with or without a Content-Length."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit
        self._refusal = f"the body is larger than {limit:,} bytes: send it in several requests"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._declared(scope) > self._limit:
            await problem(413, self._refusal)(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise Problem(413, self._refusal)  # an HTTPException, which FastAPI passes to its handler
            return message

        await self._app(scope, limited, send)

    @staticmethod
    def _declared(scope: Scope) -> int:
        length = Headers(scope=scope).get("content-length", "")
        return int(length) if length.isdecimal() else 0


@lru_cache(maxsize=64)  # called for every request
def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LoopbackOnly:
    """ASGI middleware: answers 421 to a request whose `Host` is not this machine."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_loopback(_host_name(Headers(scope=scope).get("host", ""))):
            await problem(421, "an insecure service answers requests to 127.0.0.1 or localhost only")(
                scope, receive, send
            )
            return
        await self._app(scope, receive, send)


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
