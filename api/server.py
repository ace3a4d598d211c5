"""Runs the service in this process until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import gc
import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.devices.phone_pool import phones_allowed
from api.errors import ServeError
from api.middleware.request_limits import is_loopback
from api.observability.logs import to_stderr

__all__ = ["ServeError", "Server", "listen", "serve"]

GRACE = 10
"""Seconds that running requests have at shutdown."""
TURN = 0.001
"""Seconds that a thread may compute while another waits for the interpreter. Python's default of 5 ms would delay
predictions whenever another thread opens a phone or counts messages."""


def serve(
    bundle: Path,
    public_key: Path,
    data: Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    database: str | None = None,
    insecure: bool = False,
    fleet: Path | None = None,
    block_list: Path | None = None,
    log_level: str = "info",
) -> None:
    """Serves a bundle until SIGINT or SIGTERM; running requests are finished first.

    Prints one line when ready. A port of 0 takes a free one, which that line names. The log goes to stderr.

    Args:
        bundle, public_key, data, database, fleet, block_list: As in `create_app`.
        host: The address to listen on.
        port: The port.
        insecure: No request needs a key; only for a `host` that no other machine reaches.
        log_level: debug, info (a line for every request), warning or error.

    Raises:
        ServeError: the port is taken, another server runs on the data, or `host` is open to others and insecure.
        BundleError, KeyFileError: the bundle or the key cannot be used.
        FleetFilesError, ReportError: `fleet` has no simulation that can be shown.
        BlockListError: `block_list` cannot be used.
    """
    if insecure and not is_loopback(host):
        raise ServeError(
            f"{host} is open to other machines and an insecure service asks for no keys: anybody could read what was "
            "typed. Serve on 127.0.0.1, or without insecure"
        )
    with listen(host, port) as listener:
        to_stderr(log_level)
        sys.setswitchinterval(TURN)
        app = create_app(
            bundle,
            public_key,
            data,
            database=database,
            insecure=insecure,
            max_open=phones_allowed(),
            fleet=fleet,
            block_list=block_list,
        )
        gc.collect()
        gc.freeze()  # these objects live as long as the server, so collecting them is useless
        server = Server(app)
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again when all is closed
            server.run(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn, with one line of its own and no log of requests."""

    def __init__(self, app: FastAPI) -> None:
        self._summary = app.summary
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            print(f"{self._summary} on {_address(sockets[0])}", flush=True)


def listen(host: str, port: int) -> socket.socket:
    """Binds the port before anything is loaded. Raises ServeError if the port cannot be used."""
    if not 0 <= port <= 65_535:  # getaddrinfo would treat 65,536 as 0
        raise ServeError(f"cannot serve on port {port}: a port is a number from 0 (any free one) to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise ServeError(f"cannot serve on {host!r}, port {port}: {error}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise ServeError(_refusal(host, port, error)) from error
    return listener


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken: end the program that listens there, or choose another port (0: any free one)"
    if isinstance(error, PermissionError):
        return f"port {port} may not be used by you: choose one above 1023"
    return f"cannot serve on {host}, port {port}: {error}"


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if listener.family is socket.AF_INET6 else f"http://{host}:{port}"
