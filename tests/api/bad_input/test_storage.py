"""A full disk and a locked database at every endpoint: it is said, reading goes on, and nothing is lost."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from api.storage.database import PATIENCE_SECONDS
from device_runtime.phone import database
from tests.support.api.endpoints import CHANGES, CREATE, DEVICE, OF_A_DEVICE, OF_THE_SERVICE, READS, UPLOAD, Endpoint
from tests.support.api.process import running
from tests.support.api.serving import Serving

NAME = "zanzibar"
PHONE = "/v1/devices/phone"
TEXTS = [f"meet me at {NAME} tonight", "bring the red bag", "see you at the station then"] * 20
TO_THE_REGISTRY = [CREATE, Endpoint("POST", DEVICE + "/adaptations"), Endpoint("DELETE", DEVICE)]


def settle(client: httpx.Client) -> bytes:
    """Makes a phone with messages and an adapter of its own. Returns the adapter."""
    assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 201
    client.post(f"{PHONE}/messages", json={"messages": [{"text": text} for text in TEXTS]})
    assert client.post(f"{PHONE}/adaptations", params={"wait": 30}).json()["state"] == "done"
    adapter = client.get(f"{PHONE}/adapter")
    return adapter.content if adapter.status_code == 200 else b""


def kept(client: httpx.Client) -> tuple[object, ...]:
    """All that a phone keeps."""
    everything = client.get(f"{PHONE}/export").json()
    return everything["messages"], everything["adaptations"], everything["settings"], everything["adapter"]


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 503, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json" and int(answer.headers["retry-after"]) > 0
    assert NAME not in answer.text


@contextmanager
def full_disk(process: int) -> Iterator[None]:
    """The system refuses every write that would make a file larger, as a full disk does."""
    limits = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it was killed
            resource.prlimit(process, resource.RLIMIT_FSIZE, limits)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program is in the midst of a transaction."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_full_disk_refuses_every_change_and_no_reading(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    with running(tiny_bundle, tiny_public_key, tmp_path / "data", tmp_path / "log") as service:
        client = service.client
        adapter = settle(client)
        before, model = kept(client), client.get("/healthz").json()["model_id"]
        changes = [Endpoint("PUT", endpoint.path, adapter) if endpoint is UPLOAD else endpoint for endpoint in CHANGES]
        forget = next(endpoint for endpoint in changes if endpoint.path.endswith("/forget"))
        with full_disk(service.process.pid):
            for endpoint in (CREATE, *changes):
                if endpoint is not forget:
                    refused(endpoint.call(client, "phone"))
            for endpoint in (*OF_THE_SERVICE, *READS):
                assert endpoint.call(client, "phone", model).status_code in (200, 404), endpoint
            # Last: the phone is opened anew after it, and until that can be nobody sees what its owner wants gone.
            refused(forget.call(client, "phone"))
        assert kept(client) == before
        for endpoint in (CREATE, *changes):
            answer = endpoint.call(client, "phone")
            assert answer.status_code in (endpoint.status, 200), (endpoint, answer.text)
    log = (tmp_path / "log").read_text()
    assert NAME not in log and "Traceback" not in log


def test_a_phone_is_whole_after_a_full_disk_and_a_kill(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    where = (tiny_bundle, tiny_public_key, tmp_path / "data", tmp_path / "log")
    with running(*where) as service:
        settle(service.client)
        before = kept(service.client)
        with full_disk(service.process.pid):
            for endpoint in CHANGES:
                endpoint.call(service.client, "phone")
            service.process.kill()
            service.process.wait()
    with running(*where) as service:
        assert kept(service.client) == before


def test_a_locked_database_refuses_what_it_has_to_note(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        settle(client)
        before = kept(client)
        with locked(tmp_path / "devices.sqlite"):
            for endpoint in TO_THE_REGISTRY:
                began = time.monotonic()
                refused(endpoint.call(client, "phone"))
                assert time.monotonic() - began < PATIENCE_SECONDS + 10
            for endpoint in (*OF_THE_SERVICE[:3], OF_THE_SERVICE[-1], *READS):
                assert endpoint.call(client, "phone").status_code in (200, 404), endpoint
            assert kept(client) == before
            assert client.post(f"{PHONE}/messages", json={"messages": [{"text": "hello"}]}).status_code == 200
        assert client.post("/v1/devices", json={"device_id": "new"}).status_code == 201
        assert len(kept(client)[0]) == len(TEXTS) + 1  # type: ignore[arg-type]


def test_a_locked_phone_refuses_every_change_and_no_reading(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.3)
    with serving(tmp_path) as client:
        adapter = settle(client)
        before = kept(client)
        (history,) = tmp_path.rglob("phone/history.sqlite")
        with locked(history):
            for endpoint in OF_A_DEVICE:
                if endpoint.method == "DELETE":  # needs no lock: the folder goes
                    continue
                right = Endpoint("PUT", endpoint.path, adapter) if endpoint is UPLOAD else endpoint
                answer = right.call(client, "phone", params={"wait": 20} if "adaptations" in right.path else None)
                if endpoint in READS:
                    assert answer.status_code in (200, 404), endpoint
                elif "adaptations" in endpoint.path:
                    assert answer.json()["state"] == "failed" and "old adapter stays" in answer.json()["reason"]
                else:
                    refused(answer)
        assert kept(client) == before
        assert client.post(f"{PHONE}/messages", json={"messages": [{"text": "hello"}]}).status_code == 200
