"""Phones over HTTP: a FastAPI service, its keyboard page, and a client.

Start here:

    create_app      the service as an ASGI application, to run or mount yourself
    serve           runs the service in this process until a signal stops it
    Client          calls a service; needs only httpx and pydantic (the extra `client`)
    ServiceError    raised by the client: the service refused a request or cannot be reached
    ServeError      raised by the server: it cannot start

Inside: `routes` (one file for each group of endpoints) and `schemas` (their requests and answers), `service` (the state
behind them), `devices` (open phones, adaptation jobs), `auth`, `http` (errors, limits, the download of the bundle),
`observability` (log, metrics), `storage` (database, migrations) and `page` (the keyboard page).

All names are imported on first use. The server needs the extra `serve`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyboard_model.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from api.app import create_app
    from api.client import Client, ServiceError
    from api.server import serve
    from api.storage.data_folder import ServeError
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "api.app": ("create_app",),
            "api.client": ("Client", "ServiceError"),
            "api.server": ("serve",),
            "api.storage.data_folder": ("ServeError",),
        },
    )

__all__ = ["Client", "ServeError", "ServiceError", "create_app", "serve"]
