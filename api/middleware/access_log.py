"""Counts and logs every request by its route, never by its path or body, which may contain what a user typed."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.observability.logs import LOG
from api.observability.metrics import Metrics


class AccessLog:
    """ASGI middleware: one log line and one count for each request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 0, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "no route")
        self._metrics.answered(scope["method"], route, status, seconds)
        fields = {
            "method": scope["method"] if scope["method"].isalpha() else "?",
            "route": route,
            "status": status,
            "ms": round(1000 * seconds, 2),
        }
        LOG.info("request", extra=fields)
