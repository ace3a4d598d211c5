"""The HTTP service as a FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.concurrency import run_in_threadpool

from api import devices, problems, schemas
from api.body_limit import BodyLimit
from api.last_resort import LastResort
from api.open_phones import MAX_OPEN
from api.service import Service


def create_app(bundle_path: Path, public_key: Path, data: Path, max_open: int = MAX_OPEN) -> FastAPI:
    """Makes the application, ready to serve: the bundle is verified and loaded, the data folder taken.

    It runs once: when it shuts down it closes its phones and lets the data folder go.

    Args:
        bundle_path: A bundle, folder or zip.
        public_key: The key that it must be signed with.
        data: Where devices are kept; made where missing, held by one application at a time.
        max_open: Devices kept open while nobody uses them.

    Raises:
        BundleError, KeyFileError: the bundle or the key cannot be used.
        ServeError: another server runs on `data`, or it cannot be used.
    """
    service = Service(bundle_path, public_key, data, max_open)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.close)

    # No documentation page: FastAPI's loads its scripts from another host.
    app = problems.DescribedApp(
        title="Thumbprint",
        summary=f"Serves {service.label}",
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(LastResort)
    v1 = APIRouter(prefix="/v1")
    v1.include_router(devices.router(service))
    app.include_router(v1)

    @app.get("/healthz", tags=["service"], responses=problems.responses(500, 503))
    def health() -> schemas.Health:
        """Says that the service works, and on which model."""
        manifest = service.bundle.manifest
        return schemas.Health(
            status="ok",
            model_id=manifest.model_id,
            bundle=manifest.name,
            synthetic=manifest.provenance.synthetic,
            devices=len(service.registry),
        )

    return app
