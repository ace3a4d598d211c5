"""Unknown query parameters are errors, as unknown keys are: a misspelt one is never silently a default."""

from __future__ import annotations

from fastapi import Request
from fastapi.routing import APIRoute

from api.problems import Problem


async def known_queries(request: Request) -> None:
    """The dependency of every router. Raises Problem (422) for a parameter that the route does not have."""
    route = request.scope["route"]
    known = {parameter.alias for parameter in route.dependant.query_params} if isinstance(route, APIRoute) else set()
    if request.query_params.keys() - known:
        raise Problem(422, f"unknown query parameter; known here: {', '.join(sorted(known)) or 'none'}")
