"""Refuses request bodies that are too large. The limit is ours because Starlette's answers in plain text."""

from __future__ import annotations

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
