"""The endpoints of the service: health, metrics, and the bundle that apps download."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request
from starlette.responses import Response

from api.auth.authentication import needs
from api.http.bundle_archive import BundleDownload
from api.http.problems import Problem, responses
from api.observability import CONTENT_TYPE
from api.routes.parameters import V1, known_queries
from api.schemas.base import KeyScope
from api.schemas.service import BundleEntry, Bundles, Health, Readiness
from api.service import Service

_ModelId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
_MANIFEST: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}
_ZIP = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
_DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole file.", **_ZIP},
    206: {"description": "The part of the file that Range requests.", **_ZIP},
    304: {"description": "The caller has the file: If-None-Match contains its ETag."},
}


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = APIRouter()
    routes.include_router(_bundles(service))
    routes.include_router(_monitoring(service))
    return routes


def _monitoring(service: Service) -> APIRouter:
    routes = APIRouter(tags=["service"], dependencies=[Depends(known_queries)], responses=responses(421, 422, 500))

    @routes.get("/healthz")
    async def health() -> Health:
        """Answers while the process runs, with the name of its model."""
        manifest = service.bundle.manifest
        return Health(
            status="ok",
            model_id=manifest.model_id,
            bundle=manifest.name,
            synthetic=manifest.provenance.synthetic,
        )

    @routes.get("/readyz", responses=responses(503))
    async def ready() -> Readiness:
        """Answers 200 if the database can be read, so that the service can answer requests."""
        await service.run(service.check)
        return Readiness(status="ready")

    @routes.get(
        "/metrics",
        dependencies=[needs(KeyScope.READ, every_device=True)],
        responses={**_TEXT, **responses(401, 403, 503)},
        response_class=Response,
    )
    async def metrics() -> Response:
        """Returns the metrics of requests, adaptations, devices and the process, for Prometheus."""
        return Response(await service.run(service.metrics.text), media_type=CONTENT_TYPE)

    return routes


def _bundles(service: Service) -> APIRouter:
    routes = APIRouter(
        prefix=V1 + "/bundles",
        tags=["bundles"],
        dependencies=[Depends(known_queries), needs(KeyScope.READ)],
        responses=responses(401, 403, 421, 422, 500, 503),
    )
    archive, manifest = service.archive, service.bundle.manifest

    def require(model_id: str) -> None:
        if model_id != manifest.model_id:
            raise Problem(404, "there is no bundle of this model: GET /v1/bundles lists the bundles")

    @routes.get("")
    async def bundles() -> Bundles:
        """Lists the bundles. The devices of the service use the first one."""
        entry = BundleEntry(
            model_id=manifest.model_id,
            name=manifest.name,
            synthetic=manifest.provenance.synthetic,
            bytes=archive.size,
            etag=archive.etag,
        )
        return Bundles(bundles=[entry])

    @routes.get("/{model_id}", responses={**_MANIFEST, **responses(404)}, response_class=Response)
    async def describe(model_id: _ModelId) -> Response:
        """Returns a bundle's manifest, as the bytes that were signed (see docs/bundle-format.md)."""
        require(model_id)
        return Response(archive.manifest, media_type="application/json")

    @routes.head("/{model_id}/download", include_in_schema=False)
    @routes.get("/{model_id}/download", responses={**_DOWNLOAD, **responses(400, 404, 416)}, response_class=Response)
    async def download(
        request: Request,
        model_id: _ModelId,
        # The response reads these headers. They are declared here for the OpenAPI schema.
        if_none_match: Annotated[str | None, Header(description="ETag of the file that the caller has.")] = None,
        range: Annotated[str | None, Header(description="As in RFC 9110.", examples=["bytes=0-1023"])] = None,
        if_range: Annotated[str | None, Header(description="ETag of the file that the caller has in part.")] = None,
    ) -> Response:
        """Downloads a bundle as a zip. With `Range`, an interrupted download continues where it stopped."""
        require(model_id)
        return BundleDownload.of(archive, manifest.name, if_none_match)

    return routes
