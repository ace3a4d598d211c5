"""Runs the service in this process until a signal stops it."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.devices.phone_pool import max_open_phones
from api.http.request_checks import is_address, is_loopback
from api.observability import LOG, log_to_stderr
from api.storage.data_folder import ServeError

__all__ = ["ServeError", "Server", "listen", "serve"]

GRACE_SECONDS = 10
"""How long running requests can take at shutdown."""
SHUTDOWN_SECONDS = 28.0
"""How long the whole shutdown can take. Then the process ends although a thread hangs, which nothing can interrupt.
What was acknowledged is on disk. Kubernetes kills a process after 30 s."""
_LAST_SECONDS = 1.0
SWITCH_INTERVAL_SECONDS = 0.001
"""How long a thread can compute while another waits for the interpreter. Python's default of 5 ms would delay
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
    allowed_hosts: Sequence[str] = (),
    log_level: str = "info",
) -> None:
    """Serves a bundle until SIGINT or SIGTERM. Running requests are finished first.

    Prints one line with the address when it is ready. The log goes to stderr.

    Args:
        bundle, public_key, data, database, fleet, block_list: As in `create_app`.
        allowed_hosts: As in `create_app`. `host` needs no entry.
        host: The address or name to listen on.
        port: The port; 0 = any free port.
        insecure: Requests need no key. This is allowed only for a `host` that no other machine can reach.
        log_level: debug, info (a line for every request), warning or error.

    Raises:
        ServeError: the port is in use, another server runs on the data, an allowed host is malformed, or `host` is not
            loopback and insecure is true.
        BundleError, KeyFileError: the bundle or the key cannot be used.
        FleetFilesError, ReportError: `fleet` has no simulation that can be shown.
        BlockListError: `block_list` cannot be used.
    """
    if insecure and not is_loopback(host):
        raise ServeError(
            f"other machines can reach {host}, and an insecure service needs no keys, so anyone could read what users "
            "typed: serve on 127.0.0.1, or without insecure"
        )
    with listen(host, port) as listener:
        log_to_stderr(log_level)
        sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
        app = create_app(
            bundle,
            public_key,
            data,
            database=database,
            insecure=insecure,
            max_open=max_open_phones(),
            fleet=fleet,
            block_list=block_list,
            allowed_hosts=[*allowed_hosts, *([] if not host or is_address(host) else [host])],
        )
        gc.collect()
        gc.freeze()  # these objects live as long as the server, so the garbage collector need not visit them
        server = Server(app, ShutdownDeadline(SHUTDOWN_SECONDS))
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after the shutdown
            server.run(sockets=[listener])


class ShutdownDeadline:
    """Ends the process if a shutdown does not end in time, or if threads outlive the main thread."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def begin(self) -> None:
        """The shutdown begins."""
        self._timer.start()

    def end(self) -> None:
        """The shutdown has ended. At its own end, the interpreter waits for every thread that is not a daemon."""
        self._timer.cancel()
        threading.Thread(target=self._end_with_main_thread, daemon=True).start()

    def _end_with_main_thread(self) -> None:
        main = threading.main_thread()
        main.join()
        for thread in threading.enumerate():
            if not thread.daemon and thread is not main:
                thread.join(_LAST_SECONDS)
                if thread.is_alive():
                    self._end()

    @staticmethod
    def _end() -> None:
        LOG.error("a thread hangs, so the process ends without it; what was acknowledged is on disk")
        os._exit(1)


class Server(uvicorn.Server):
    """uvicorn without its log of requests. It prints one line when it is ready."""

    def __init__(self, app: FastAPI, deadline: ShutdownDeadline | None = None) -> None:
        """Prepares to serve `app`. `deadline`: None = wait for a shutdown as long as it takes."""
        self._summary = app.summary
        self._deadline = deadline
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
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._deadline is not None:
            self._deadline.begin()
        await super().shutdown(sockets)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            if self._deadline is not None:
                self._deadline.end()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            print(f"{self._summary} on {_address(sockets[0])}", flush=True)


def listen(host: str, port: int) -> socket.socket:
    """Binds the port before anything is loaded. Raises ServeError if the port cannot be used."""
    if not 0 <= port <= 65_535:  # getaddrinfo would treat 65,536 as 0
        raise ServeError(f"cannot serve on port {port}: a port is a number from 0 (any free port) to 65535")
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
        return f"port {port} is in use: stop the program that uses it, or choose another port (0: any free port)"
    if isinstance(error, PermissionError):
        return f"you do not have permission to use port {port}: choose a port above 1023"
    return f"cannot serve on {host}, port {port}: {error}"


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if listener.family is socket.AF_INET6 else f"http://{host}:{port}"
