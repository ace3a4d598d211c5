"""Checks the key in `Authorization: Bearer …` before the service reads anything else of a request.

Each route declares the scope that it needs.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth.api_keys import ApiKey, ApiKeys
from api.http.problems import Problem, problem, storage_problem
from api.schemas.base import KeyScope
from api.storage.database import DatabaseError

CALLER = "thumbprint.caller"
"""The key of the ASGI scope under which the `ApiKey` of a request is stored."""
OTHER_DEVICE = "your key is for another device: use a key for this device or for all devices"
_ANY_CALLER = ApiKey("", "any caller", KeyScope.ADMIN, None, datetime.fromtimestamp(0, UTC))
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="thumbprint"'}


class Authentication:
    """ASGI middleware: answers 401 to a request without a valid key, except on the open paths."""

    def __init__(self, app: ASGIApp, keys: ApiKeys | None, open_paths: Collection[str]) -> None:
        """Wraps `app`.

        Args:
            keys: The valid keys; None = no key is needed, and every caller can do everything.
            open_paths: Paths that need no key.
        """
        self._app = app
        self._keys = keys
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._caller(scope)
        except DatabaseError as error:
            await storage_problem(error)(scope, receive, send)
            return
        if caller is None:
            refusal = "this request needs a valid API key: send it as `Authorization: Bearer KEY`"
            await problem(401, refusal, headers=_CHALLENGE)(scope, receive, send)
            return
        scope[CALLER] = caller  # in place, because the access log reads what the router adds to the scope
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> ApiKey | None:
        if self._keys is None:
            return _ANY_CALLER
        scheme, _, secret = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            return None
        return self._keys.remembered(secret) or await run_in_threadpool(self._keys.find, secret)


# `Authentication` has checked the header already. This describes it in the OpenAPI schema.
_BEARER = HTTPBearer(scheme_name="API key", description="A key made by `thumbprint access create`.", auto_error=False)


def caller(request: Request) -> ApiKey:
    """Returns the key of a request."""
    key: ApiKey = request.scope[CALLER]
    return key


def needs(scope: KeyScope, every_device: bool = False) -> Any:
    """Returns a dependency that requires a key of `scope`. A key for one device opens only that device.

    Args:
        every_device: The route shows all devices, so a key for one device does not open it.
    """

    async def check(
        request: Request, _described: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> None:
        key = caller(request)
        if not key.scope.includes(scope):
            raise Problem(403, f"this request needs a key of the scope {scope}; your key has the scope {key.scope}")
        device_id = request.path_params.get("device_id", key.device_id)
        if key.device_id is not None and (every_device or device_id != key.device_id):
            raise Problem(403, OTHER_DEVICE)

    return Depends(check)
