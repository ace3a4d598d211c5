"""The real service in a thread of the child process."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fastapi import FastAPI

from api.server import Server, listen


def serve_in_thread(app: FastAPI) -> tuple[int, Callable[[], None]]:
    """Serves the application. Returns its port, and a function that stops it."""
    listener = listen("127.0.0.1", 0)
    server = Server(app)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()
        listener.close()

    return listener.getsockname()[1], stop
