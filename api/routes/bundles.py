"""The endpoints under `/v1/bundles`: bundles for apps to download."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request
from starlette.responses import Response

from api.auth.api_keys import Scope
from api.auth.authentication import needs
from api.bundle_archive import BundleFile
from api.problems import Problem, responses
from api.routes.parameters import V1, known_queries
from api.schemas.service import BundleEntry, Bundles
from api.service import Service

_Id = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
_ZIP = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
_MANIFEST: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}
_DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole file.", **_ZIP},
    206: {"description": "The part that Range asks for.", **_ZIP},
    304: {"description": "The caller has it: If-None-Match names its ETag."},
}


def router(service: Service) -> APIRouter:
    """Returns the routes over `service`."""
    routes = APIRouter(
        prefix=V1 + "/bundles",
        tags=["bundles"],
        dependencies=[Depends(known_queries), needs(Scope.READ)],
        responses=responses(401, 403, 422, 500, 503),
    )
    archive, manifest = service.archive, service.bundle.manifest

    def require(model_id: str) -> None:
        if model_id != manifest.model_id:
            raise Problem(404, "there is no bundle of this model: GET /v1/bundles lists them")

    @routes.get("")
    async def bundles() -> Bundles:
        """Lists the bundles, the one that devices run first."""
        entry = BundleEntry(
            model_id=manifest.model_id,
            name=manifest.name,
            synthetic=manifest.provenance.synthetic,
            bytes=archive.size,
            etag=archive.etag,
        )
        return Bundles(bundles=[entry])

    @routes.get("/{model_id}", responses={**_MANIFEST, **responses(404)}, response_class=Response)
    async def describe(model_id: _Id) -> Response:
        """Gives a bundle's manifest, as the bytes that were signed (see docs/bundle-format.md)."""
        require(model_id)
        return Response(archive.manifest, media_type="application/json")

    @routes.head("/{model_id}/download", include_in_schema=False)
    @routes.get("/{model_id}/download", responses={**_DOWNLOAD, **responses(400, 404, 416)}, response_class=Response)
    async def download(
        request: Request,
        model_id: _Id,
        # The response reads these headers itself; they are declared for the OpenAPI schema.
        if_none_match: Annotated[str | None, Header(description="ETag of what the caller has.")] = None,
        range: Annotated[str | None, Header(description="As in RFC 9110.", examples=["bytes=0-1023"])] = None,
        if_range: Annotated[str | None, Header(description="ETag of what the caller has a part of.")] = None,
    ) -> Response:
        """Downloads a bundle as a zip, whole or from where an earlier download was interrupted."""
        require(model_id)
        return BundleFile.answer(archive, manifest.name, if_none_match)

    return routes
