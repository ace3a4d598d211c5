"""A deleted device is gone, whatever happened at the moment it went."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from api.devices.registry import Registry
from tests.support.api.serving import Serving

PHONE = "/v1/devices/phone"
SECRET = "zanzibar"


def make(client: httpx.Client) -> None:
    assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 201
    body = {"messages": [{"text": f"meet me at {SECRET} tonight"}] * 30}
    assert client.post(f"{PHONE}/messages", json=body).status_code == 200


def test_everything_is_gone_and_the_id_is_free(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        make(client)
        job = client.post(f"{PHONE}/adaptations", params={"wait": 30}).json()["adaptation_id"]
        assert client.delete(PHONE).status_code == 204
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/words"), ("GET", f"/adaptations/{job}")):
            assert client.request(method, PHONE + path).status_code == 404
        assert client.get("/v1/devices").json() == {"devices": [], "next_cursor": None}
        assert list((tmp_path / "devices").iterdir()) == []
        assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert client.post("/v1/devices", json={"device_id": "phone"}).json()["messages"] == 0


def test_a_deletion_that_was_cut_off_is_ended_at_the_next_start(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as client:
        make(client)
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", lambda path: (_ for _ in ()).throw(OSError(5, "the disk broke")))
            assert client.delete(PHONE).status_code == 503
        assert client.get(PHONE).status_code == 404
        assert (tmp_path / "devices" / "phone").exists()
    with serving(tmp_path) as client:
        assert not (tmp_path / "devices" / "phone").exists()
        assert client.post("/v1/devices", json={"device_id": "phone"}).json()["messages"] == 0


def test_a_request_that_comes_too_late_does_not_bring_it_back(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as client:
        for _ in range(5):
            make(client)

            def write(number: int) -> int:
                if number == 10:
                    return client.delete(PHONE).status_code
                return client.post(f"{PHONE}/messages", json={"messages": [{"text": SECRET}]}).status_code

            with ThreadPoolExecutor(8) as threads:
                statuses = list(threads.map(write, range(30)))
            assert statuses.count(204) == 1 and set(statuses) <= {200, 204, 404}
            assert list((tmp_path / "devices").iterdir()) == []


def test_an_adaptation_that_runs_is_waited_for(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        make(client)
        assert client.post(f"{PHONE}/adaptations").status_code == 202
        assert client.delete(PHONE).status_code == 204
        assert not (tmp_path / "devices" / "phone").exists()


def test_a_device_whose_deletion_failed_keeps_its_id(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as client:
        make(client)
        with monkeypatch.context() as patch:
            patch.setattr(Registry, "end_deleting", lambda *_: (_ for _ in ()).throw(OSError(5, "the disk broke")))
            assert client.delete(PHONE).status_code == 503
        assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 409
