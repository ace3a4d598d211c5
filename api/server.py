"""Runs the service in this process until it is told to stop."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.serve_error import ServeError

__all__ = ["ServeError", "Server", "listen", "serve"]

GRACE = 10
"""Seconds that requests underway have at the end."""


def serve(
    bundle: Path, public_key: Path, data: Path, host: str = "127.0.0.1", port: int = 8000, insecure: bool = False
) -> None:
    """Serves a bundle until SIGINT or SIGTERM; requests underway are finished first.

    Prints one line when ready. A port of 0 takes a free one, which that line names.

    Args:
        insecure: Allows a `host` that other machines reach, though nobody has to show a key.

    Raises:
        ServeError: the port is taken, another server runs on `data`, or `host` is open to others.
        BundleError, KeyFileError: the bundle or the key cannot be used.
    """
    if not insecure and not is_loopback(host):
        raise ServeError(
            f"{host} is open to other machines and the service has no keys yet: anybody could read what was typed. "
            "Serve on 127.0.0.1, or say insecure if that is what you want"
        )
    with listen(host, port) as listener:
        server = Server(create_app(bundle, public_key, data))
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


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Takes the port before anything is loaded. Raises ServeError where it cannot be had."""
    if not 0 <= port <= 65_535:  # getaddrinfo would take 65,536 for 0
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
