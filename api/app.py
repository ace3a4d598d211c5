"""The HTTP service as a FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api.auth.authentication import Authentication
from api.devices.phone_pool import MAX_OPEN
from api.http.problems import DescribedApp, UnhandledErrors, install_handlers
from api.http.request_checks import BodyLimit, SameOriginOnly, checked_host
from api.observability import LOG, AccessLog, RequestId
from api.page.routes import ASSETS, NO_FLEET, load_fleet, page_router
from api.routes import adaptations, devices, predictions, privacy
from api.routes import service as service_routes
from api.service import Service
from device_runtime.bundle.loader import Bundle
from device_runtime.inference.model_trial import try_in_child
from device_runtime.phone.word_lists import read_block_list

OPEN_PATHS = ("/healthz", "/readyz", "/v1/openapi.json")
"""Paths for monitoring and for exploring the API. They need no key because they hold no personal data."""


def create_app(
    bundle_path: Path,
    public_key: Path,
    data: Path,
    *,
    database: str | None = None,
    insecure: bool = False,
    max_open: int = MAX_OPEN,
    fleet: Path | None = None,
    block_list: Path | None = None,
    allowed_hosts: Iterable[str] = (),
    try_bundle: Callable[[Bundle], None] = try_in_child,
) -> FastAPI:
    """Verifies and loads the bundle, locks the data folder, and returns the application, ready to serve.

    An application can run only once: at shutdown it closes its phones and unlocks the data folder.

    Args:
        bundle_path: A bundle, folder or zip.
        public_key: The public key of the bundle's signature.
        data: The folder for the data of the devices, made if it is missing. Only one application at a time can use it.
        database: URL of a database for devices, keys and adaptations; None = an SQLite file in `data`.
        insecure: Requests need no key.
        max_open: Maximum number of phones that stay open while no request uses them.
        fleet: The folder of a simulation that the page shows; None = no simulation.
        block_list: A file of words that no device suggests, one a line; None = no such words.
        allowed_hosts: Hosts under which others reach the service, such as a proxy's public name, with the port if the
            browser's address bar shows one. The loopback names and the server's own address need no entry.
        try_bundle: Tries a bundle whose model this data folder has not served yet; raises BundleError to refuse it.

    Raises:
        BundleError, KeyFileError: the bundle or the key cannot be used, or the model cannot and `data` has no earlier
            bundle.
        ServeError: another server runs on `data` or `database`, or they cannot be used; an allowed host is malformed.
        FleetFilesError, ReportError: `fleet` has no simulation that can be shown.
        BlockListError: `block_list` cannot be read, or a line of it is not exactly one word.
    """
    hosts = [checked_host(host) for host in allowed_hosts]
    simulated = NO_FLEET if fleet is None else load_fleet(fleet)
    blocked = frozenset[str]() if block_list is None else read_block_list(block_list)
    service = Service(bundle_path, public_key, data, database, max_open, blocked, try_bundle)
    if service.note is not None:
        LOG.warning(service.note)
    if not insecure and not service.keys.valid():
        LOG.warning("there are no API keys yet: create one with `thumbprint access create NAME`")

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.close)

    # No documentation page: FastAPI's loads its scripts from another host.
    app = DescribedApp(
        title="Thumbprint",
        summary=f"Serves {service.label}",
        version="1",
        lifespan=lifespan,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    install_handlers(app)
    # The middleware that is added last is the outermost.
    app.add_middleware(BodyLimit)
    keys = None if insecure else service.keys
    app.add_middleware(Authentication, keys=keys, open_paths={*OPEN_PATHS, *ASSETS})
    app.add_middleware(SameOriginOnly, allowed_hosts=hosts)
    app.add_middleware(UnhandledErrors)
    app.add_middleware(AccessLog, metrics=service.metrics)
    app.add_middleware(RequestId)
    # Routes are tried in order, so the most frequent requests come first: each group takes 0.05 ms to pass over.
    for group in (predictions, devices, adaptations, privacy, service_routes):
        app.include_router(group.router(service))
    app.include_router(page_router(simulated))
    return app
