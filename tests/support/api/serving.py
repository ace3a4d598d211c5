"""The real service on a real port, in a thread of the tests' process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import httpx

from api.app import create_app
from api.devices.phone_pool import MAX_OPEN
from api.server import Server, listen


class Serving(Protocol):
    """`with serving(data) as client:` runs the service on `data` until the block ends."""

    def __call__(
        self, data: Path, max_open: int = MAX_OPEN, database: str | None = None, insecure: bool = True
    ) -> AbstractContextManager[httpx.Client]: ...


@contextmanager
def serve_in_thread(
    bundle: Path,
    public_key: Path,
    data: Path,
    max_open: int,
    database: str | None,
    insecure: bool,
    block_list: Path | None = None,
) -> Iterator[httpx.Client]:
    with listen("127.0.0.1", 0) as listener:
        app = create_app(
            bundle,
            public_key,
            data,
            database=database,
            insecure=insecure,
            max_open=max_open,
            block_list=block_list,
            try_bundle=lambda bundle: None,  # a child process for each service would take a second
        )
        server = Server(app)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            port = listener.getsockname()[1]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
