"""What a key may do: each route says which scope it needs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.api_keys import ApiKey, Scope
from api.authentication import CALLER
from api.problems import Problem

# `Authentication` has looked at the header already: this one describes it in the OpenAPI page.
_BEARER = HTTPBearer(scheme_name="API key", description="A key that `thumbprint access create` made.", auto_error=False)


def caller(request: Request) -> ApiKey:
    """Returns the key that a request came with."""
    key: ApiKey = request.scope[CALLER]
    return key


def needs(scope: Scope, of_all: bool = False) -> Any:
    """Returns the dependency that lets only keys of `scope` pass, and a device's own key to that device alone.

    Args:
        of_all: The route tells of every device, so that a device's own key does not open it.
    """

    async def check(
        request: Request, _described: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
    ) -> None:
        key = caller(request)
        if not key.scope.opens(scope):
            raise Problem(403, f"this needs a key of the scope {scope}; yours has {key.scope}")
        device_id = request.path_params.get("device_id", key.device_id)
        if key.device_id is not None and (of_all or device_id != key.device_id):
            raise Problem(403, "your key opens another device, and that one alone")

    return Depends(check)
