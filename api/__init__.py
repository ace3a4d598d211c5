"""Phones over HTTP: a FastAPI service, its keyboard page, and a client.

Start here:

    create_app      the service as an ASGI application, to run or mount yourself
    serve           runs the service in this process until it is stopped
    Client          calls a service; needs only httpx and pydantic (the extra `client`)
    ServiceError    raised by the client: the service refused a request or cannot be reached
    ServeError      raised by the server: it cannot start

Inside: `routes` (one file for each group of endpoints), `schemas` (requests and responses), `devices` (open phones,
adaptation jobs), `auth`, `middleware`, `observability`, `storage` (database, migrations) and `page` (the
keyboard page).

All names are imported on first use. The server needs the extra `serve`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyboard_model.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from api.app import create_app
    from api.client import Client, ServiceError
    from api.errors import ServeError
    from api.server import serve
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "api.app": ("create_app",),
            "api.client": ("Client", "ServiceError"),
            "api.errors": ("ServeError",),
            "api.server": ("serve",),
        },
    )

__all__ = ["Client", "ServeError", "ServiceError", "create_app", "serve"]
