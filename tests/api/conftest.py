from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
import sqlalchemy

from api.devices.phone_pool import MAX_OPEN
from api.storage.database import Database, parse_url
from api.storage.schema import open_database
from tests.support.api import postgres
from tests.support.api.serving import Serving, serve_in_thread


@pytest.fixture(scope="session")
def serving(tiny_bundle: Path, tiny_public_key: Path) -> Serving:
    """Runs the service on a given data folder."""

    def run(
        data: Path, max_open: int = MAX_OPEN, database: str | None = None, insecure: bool = True
    ) -> AbstractContextManager[httpx.Client]:
        return serve_in_thread(tiny_bundle, tiny_public_key, data, max_open, database, insecure)

    return run


@pytest.fixture(scope="session")
def client(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that the tests share. Each test creates its own devices."""
    with serving(tmp_path_factory.mktemp("service")) as client:
        yield client


@pytest.fixture
def device(client: httpx.Client) -> str:
    """The path of a new device on the shared service."""
    return f"/v1/devices/{client.post('/v1/devices').json()['device_id']}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def new_postgres(postgres_server: str) -> Callable[[], str]:
    """Makes an empty PostgreSQL database. Returns its URL."""
    numbers = itertools.count()

    def make() -> str:
        name = f"test{next(numbers)}"
        admin = sqlalchemy.create_engine(parse_url(postgres_server), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
        admin.dispose()
        return postgres_server.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """The place of a new database: an SQLite file, then PostgreSQL."""
    if request.param == "sqlite":
        return tmp_path / "devices.sqlite"
    url: str = request.getfixturevalue("new_postgres")()
    return url


@pytest.fixture
def database(where: Path | str) -> Iterator[Database]:
    database = open_database(where, to_serve=True)
    yield database
    database.close()
