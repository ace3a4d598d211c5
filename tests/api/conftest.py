from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from api.open_phones import MAX_OPEN
from tests.api.serving import Serving, serve_in_thread


@pytest.fixture(scope="session")
def serving(tiny_bundle: Path, tiny_public_key: Path) -> Serving:
    """Runs the service on a data folder of one's own."""

    def run(data: Path, max_open: int = MAX_OPEN) -> AbstractContextManager[httpx.Client]:
        return serve_in_thread(tiny_bundle, tiny_public_key, data, max_open)

    return run


@pytest.fixture(scope="session")
def client(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that tests share: each makes devices of its own in it."""
    with serving(tmp_path_factory.mktemp("service")) as client:
        yield client


@pytest.fixture
def device(client: httpx.Client) -> str:
    """The path of a new device of the shared service."""
    return f"/v1/devices/{client.post('/v1/devices').json()['device_id']}"
