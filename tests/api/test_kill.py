"""A service loses nothing that it acknowledged, even if it is killed or its disk is full."""

from __future__ import annotations

import resource
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from benchmarks.kill.service import CUT_OFF
from tests.support.api.process import Running, running

DEVICES = [f"phone-{number}" for number in range(4)]
TEXTS = ["meet me at zanzibar tonight", "bring the red bag", "see you at the station then"]


@dataclass
class Acknowledged:
    """What the service acknowledged, by device."""

    messages: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DEVICES, 0))
    sent: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DEVICES, 0))
    adapters: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, list[int]] = field(default_factory=lambda: {device: [] for device in DEVICES})


def use(service: Running, device: str, acknowledged: Acknowledged) -> None:
    """Writes to a device and adapts it until the service is killed."""
    number = 0
    with httpx.Client(base_url=service.client.base_url, timeout=120, trust_env=False) as client:
        while True:
            number += 1
            body = {"messages": [{"text": f"{TEXTS[number % 3]} {number}"}] * 5}
            try:
                acknowledged.sent[device] += 5
                assert client.post(f"/v1/devices/{device}/messages", json=body).status_code == 200
                acknowledged.messages[device] += 5
                if number % 4 == 0:
                    answer = client.post(f"/v1/devices/{device}/adaptations", params={"wait": 4 - number % 8})
                    assert answer.status_code in (200, 202, 409), answer.text
                    if answer.status_code != 409:
                        acknowledged.jobs[device].append(answer.json()["adaptation_id"])
                    adapter = client.get(f"/v1/devices/{device}/adapter")
                    if adapter.status_code == 200:
                        acknowledged.adapters[device] = adapter.content
            except httpx.TransportError:
                return


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_acknowledged_data_survives_a_kill_under_load(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    database = "" if kind == "sqlite" else request.getfixturevalue("new_postgres")()
    acknowledged = Acknowledged()
    where = (tiny_bundle, tiny_public_key, tmp_path / "data", tmp_path / "log", database)
    for seconds in (0.7, 1.2):
        with running(*where) as service:
            for device in DEVICES:
                assert service.client.post("/v1/devices", json={"device_id": device}).status_code in (201, 409)
            users = [threading.Thread(target=use, args=(service, device, acknowledged)) for device in DEVICES]
            for user in users:
                user.start()
            while not any(acknowledged.jobs.values()) and any(user.is_alive() for user in users):
                time.sleep(0.01)
            time.sleep(seconds)
            service.process.kill()
            service.process.wait()
            for user in users:
                user.join()
    assert any(acknowledged.jobs.values())
    with running(*where) as service:
        for device in DEVICES:
            path = f"/v1/devices/{device}"
            assert (
                acknowledged.messages[device]
                <= service.client.get(path).json()["messages"]
                <= acknowledged.sent[device]
            )
            for job in acknowledged.jobs[device]:
                result = service.client.get(f"{path}/adaptations/{job}", params={"wait": 30}).json()
                assert result["state"] == "done", result  # interrupted adaptations were resumed
            if device in acknowledged.adapters:
                entries = service.client.get(f"{path}/adapter/history").json()["entries"]
                assert any(entry["stored"] for entry in entries)
                assert service.client.get(f"{path}/adapter").status_code == 200
    assert "Traceback" not in CUT_OFF.sub("", (tmp_path / "log").read_text())


def test_an_adapter_in_use_survives_a_kill(tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    where = (tiny_bundle, tiny_public_key, tmp_path / "data", tmp_path / "log")
    phone = "/v1/devices/phone"
    with running(*where) as service:
        service.client.post("/v1/devices", json={"device_id": "phone"})
        service.client.post(f"{phone}/messages", json={"messages": [{"text": text} for text in TEXTS * 20]})
        service.client.post(f"{phone}/adaptations", params={"wait": 30})
        adapter = service.client.get(f"{phone}/adapter")
        predictions = service.client.post(f"{phone}/predictions", json={"context": "meet me"}).content
        service.process.kill()
        service.process.wait()
    with running(*where) as service:
        assert service.client.get(f"{phone}/adapter").content == adapter.content
        assert service.client.post(f"{phone}/predictions", json={"context": "meet me"}).content == predictions


def test_a_full_disk_is_reported_and_loses_nothing(tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    """A limit on file sizes makes the system refuse writes, as a full disk does."""
    with running(tiny_bundle, tiny_public_key, tmp_path / "data", tmp_path / "log") as service:
        client, process = service.client, service.process.pid
        client.post("/v1/devices", json={"device_id": "phone"})
        path, body = "/v1/devices/phone/messages", {"messages": [{"text": "hunter2 " * 200}] * 20}
        assert client.post(path, json=body).json()["messages"] == 20
        limits = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, limits[1]))
        for refused in (client.post(path, json=body), client.post("/v1/devices", json={"device_id": "other"})):
            assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
        assert client.post("/v1/devices/phone/predictions", json={"context": "see"}).status_code == 200
        resource.prlimit(process, resource.RLIMIT_FSIZE, limits)
        assert client.post(path, json=body).json()["messages"] == 40
        assert client.post("/v1/devices", json={"device_id": "other"}).status_code == 201
    assert "hunter2" not in (tmp_path / "log").read_text()
