"""An insecure service answers this machine alone, and no web page of elsewhere that found a way here.

A page can have its own name resolve to 127.0.0.1 (DNS rebinding); the browser then lets it read every answer.
But the browser says that name in `Host`.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem


@lru_cache(maxsize=64)  # asked at every request
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LoopbackOnly:
    """ASGI middleware: 421 for a request that was meant for another name than this machine's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_loopback(_name(Headers(scope=scope).get("host", ""))):
            await problem(421, "an insecure service answers requests to 127.0.0.1 or localhost only")(
                scope, receive, send
            )
            return
        await self._app(scope, receive, send)


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
