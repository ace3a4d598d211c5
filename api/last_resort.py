"""An unexpected exception: 500 without details, and a log line without the exception's message.

The message of a Python exception often quotes what it stumbled over, here what somebody typed. Where it
happened and of what type it was is enough to find the fault.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import LOG, without_message
from api.problems import problem


class LastResort:
    """ASGI middleware round everything that may stumble."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            LOG.error("unexpected error\n%s", without_message(error))
            await problem(500, "unexpected error: it is in the service's log")(scope, receive, send)
