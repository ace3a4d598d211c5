"""Endpoints for monitoring: liveness, readiness and metrics for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.auth.api_keys import Scope
from api.auth.authentication import needs
from api.observability.metrics import CONTENT_TYPE
from api.problems import responses
from api.routes.parameters import known_queries
from api.schemas.service import Health, Readiness
from api.service import Service


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = APIRouter(tags=["service"], dependencies=[Depends(known_queries)], responses=responses(422, 500))

    @routes.get("/healthz")
    async def health() -> Health:
        """Shows that the process is alive, and its model."""
        manifest = service.bundle.manifest
        return Health(
            status="ok",
            model_id=manifest.model_id,
            bundle=manifest.name,
            synthetic=manifest.provenance.synthetic,
        )

    @routes.get("/readyz", responses=responses(503))
    def ready() -> Readiness:
        """Shows that requests can be answered: the database can be read."""
        service.check()
        return Readiness(status="ready")

    @routes.get(
        "/metrics",
        dependencies=[needs(Scope.READ, of_all=True)],
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **responses(401, 403, 503)},
        response_class=Response,
    )
    def metrics() -> Response:
        """Gives the metrics of requests, adaptations, devices and the process, for Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return routes
