"""Who asks: the key in `Authorization: Bearer …`, looked at before anything else of a request is read."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.api_keys import ApiKey, ApiKeys
from api.api_keys import Scope as KeyScope
from api.database import DatabaseError
from api.error_answers import storage_problem
from api.page.assets import ASSETS
from api.problems import problem

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/v1/openapi.json", *ASSETS})
"""Asked by whoever watches or explores the service; nothing there is anybody's."""
CALLER = "thumbprint.caller"
"""Where the `ApiKey` of a request stands in its ASGI scope."""
EVERYBODY = ApiKey("", "everybody", KeyScope.ADMIN, None, datetime.fromtimestamp(0, UTC))
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="thumbprint"'}


class Authentication:
    """ASGI middleware: 401 without a valid key, but where no keys are asked for."""

    def __init__(self, app: ASGIApp, keys: ApiKeys | None) -> None:
        """Args: keys: None = everybody may do everything."""
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._caller(scope)
        except DatabaseError as error:
            await storage_problem(error)(scope, receive, send)
            return
        if caller is None:
            refusal = "this needs a valid API key, sent as `Authorization: Bearer KEY`"
            await problem(401, refusal, headers=_CHALLENGE)(scope, receive, send)
            return
        scope[CALLER] = caller  # in place: what the router notes in the scope must reach the log
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> ApiKey | None:
        if self._keys is None:
            return EVERYBODY
        scheme, _, secret = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            return None
        return self._keys.remembered(secret) or await run_in_threadpool(self._keys.find, secret)
