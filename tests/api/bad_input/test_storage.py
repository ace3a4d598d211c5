"""A full disk and a locked database, at every endpoint: writes are refused, reads work, and nothing is lost."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from device_runtime.phone import database
from tests.support.api.endpoints import CHANGES, CREATE, DEVICE, OF_A_DEVICE, OF_THE_SERVICE, READS, UPLOAD, Endpoint
from tests.support.api.process import running
from tests.support.api.serving import Serving

NAME = "zanzibar"
PHONE = "/v1/devices/phone"
TEXTS = [f"meet me at {NAME} tonight", "bring the red bag", "see you at the station then"] * 20
WRITES_TO_THE_DATABASE = [CREATE, Endpoint("POST", DEVICE + "/adaptations"), Endpoint("DELETE", DEVICE)]


def create_phone(client: httpx.Client) -> bytes:
    """Creates a phone with messages and an adapter of its own. Returns the adapter."""
    assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 201
    client.post(f"{PHONE}/messages", json={"messages": [{"text": text} for text in TEXTS]})
    assert client.post(f"{PHONE}/adaptations", params={"wait": 30}).json()["state"] == "done"
    adapter = client.get(f"{PHONE}/adapter")
    return adapter.content if adapter.status_code == 200 else b""


def stored(client: httpx.Client) -> tuple[object, ...]:
    """Returns everything that the phone stores."""
    everything = client.get(f"{PHONE}/export").json()
    return everything["messages"], everything["adaptations"], everything["settings"], everything["adapter"]


def require_503(answer: httpx.Response) -> None:
    assert answer.status_code == 503, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json" and int(answer.headers["retry-after"]) > 0
    assert NAME not in answer.text


@contextmanager
def full_disk(process: int) -> Iterator[None]:
    """Limits the size of files, so that the system refuses writes as a full disk does."""
    limits = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # the process was killed
            resource.prlimit(process, resource.RLIMIT_FSIZE, limits)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Locks the database as another program does during a transaction."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_with_a_full_disk_changes_are_refused_and_reads_work(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    with running(tiny_bundle, tiny_public_key, tmp_path / "data", tmp_path / "log") as service:
        client = service.client
        adapter = create_phone(client)
        before, model = stored(client), client.get("/healthz").json()["model_id"]
        changes = [Endpoint("PUT", endpoint.path, adapter) if endpoint is UPLOAD else endpoint for endpoint in CHANGES]
        forget = next(endpoint for endpoint in changes if endpoint.path.endswith("/forget"))
        with full_disk(service.process.pid):
            for endpoint in (CREATE, *changes):
                if endpoint is not forget:
                    require_503(endpoint.call(client, "phone"))
            for endpoint in (*OF_THE_SERVICE, *READS):
                assert endpoint.call(client, "phone", model).status_code in (200, 404), endpoint
            # This comes last: afterwards the phone must be opened again, and until then it shows nothing, because its
            # owner wants data forgotten.
            require_503(forget.call(client, "phone"))
        assert stored(client) == before
        for endpoint in (CREATE, *changes):
            answer = endpoint.call(client, "phone")
            assert answer.status_code in (endpoint.status, 200), (endpoint, answer.text)
    log = (tmp_path / "log").read_text()
    assert NAME not in log and "Traceback" not in log


def test_a_phone_is_intact_after_a_full_disk_and_a_kill(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    where = (tiny_bundle, tiny_public_key, tmp_path / "data", tmp_path / "log")
    with running(*where) as service:
        create_phone(service.client)
        before = stored(service.client)
        with full_disk(service.process.pid):
            for endpoint in CHANGES:
                endpoint.call(service.client, "phone")
            service.process.kill()
            service.process.wait()
    with running(*where) as service:
        assert stored(service.client) == before


def test_with_a_locked_database_changes_to_it_are_refused(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        create_phone(client)
        before = stored(client)
        with locked(tmp_path / "devices.sqlite"):
            for endpoint in WRITES_TO_THE_DATABASE:
                require_503(endpoint.call(client, "phone"))
            for endpoint in (*OF_THE_SERVICE[:3], OF_THE_SERVICE[-1], *READS):
                assert endpoint.call(client, "phone").status_code in (200, 404), endpoint
            assert stored(client) == before
            assert client.post(f"{PHONE}/messages", json={"messages": [{"text": "hello"}]}).status_code == 200
        assert client.post("/v1/devices", json={"device_id": "new"}).status_code == 201
        assert len(stored(client)[0]) == len(TEXTS) + 1  # type: ignore[arg-type]


def test_with_a_locked_phone_changes_are_refused_and_reads_work(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.3)
    with serving(tmp_path) as client:
        adapter = create_phone(client)
        before = stored(client)
        (history,) = tmp_path.rglob("phone/history.sqlite")
        with locked(history):
            for endpoint in OF_A_DEVICE:
                if endpoint.method == "DELETE":  # needs no lock: the folder is deleted
                    continue
                valid = Endpoint("PUT", endpoint.path, adapter) if endpoint is UPLOAD else endpoint
                answer = valid.call(client, "phone", params={"wait": 20} if "adaptations" in valid.path else None)
                if endpoint in READS:
                    assert answer.status_code in (200, 404), endpoint
                elif "adaptations" in endpoint.path:
                    assert answer.json()["state"] == "failed" and "old adapter stays" in answer.json()["reason"]
                else:
                    require_503(answer)
        assert stored(client) == before
        assert client.post(f"{PHONE}/messages", json={"messages": [{"text": "hello"}]}).status_code == 200
