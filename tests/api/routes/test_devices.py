from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from device_runtime.bundle.loader import load_bundle
from tests.support.api.serving import Serving

MESSAGES = [{"text": "meet me at zanzibar tonight", "timestamp": None}] * 6


def words(client: httpx.Client, device: str, context: str, **more: object) -> list[str]:
    answer = client.post(f"{device}/predictions", json={"context": context, **more})
    assert answer.status_code == 200, answer.text
    return [suggestion["word"] for suggestion in answer.json()["suggestions"]]


def test_health_names_the_model(client: httpx.Client, tiny_bundle: Path, tiny_public_key: Path) -> None:
    manifest = load_bundle(tiny_bundle, tiny_public_key).manifest
    answer = client.get("/healthz").json()
    assert answer.keys() == {"status", "model_id", "bundle", "synthetic"}
    assert answer["status"] == "ok"
    assert (answer["model_id"], answer["bundle"]) == (manifest.model_id, manifest.name)
    assert answer["synthetic"] is manifest.provenance.synthetic


def test_a_device_is_created_once(client: httpx.Client) -> None:
    made = client.post("/v1/devices", json={"device_id": "emulator-5554"})
    assert made.status_code == 201
    assert made.json()["device_id"] == "emulator-5554" and made.json()["messages"] == 0
    assert made.json()["model_id"] == client.get("/healthz").json()["model_id"]
    age = datetime.now(UTC) - datetime.fromisoformat(made.json()["created_at"])
    assert timedelta() <= age < timedelta(minutes=1)
    again = client.post("/v1/devices", json={"device_id": "emulator-5554"})
    assert again.status_code == 409
    shown = client.get("/v1/devices/emulator-5554")
    assert shown.status_code == 200 and shown.json() == made.json()


@pytest.mark.parametrize("body", [None, {}, {"device_id": None}])
def test_a_device_without_an_id_is_given_one(client: httpx.Client, body: object) -> None:
    ids = {client.post("/v1/devices", json=body).json()["device_id"] for _ in range(2)}
    assert len(ids) == 2


def test_of_many_who_want_one_id_one_gets_it(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda _: client.post("/v1/devices", json={"device_id": "wanted"}), range(8))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


def test_a_device_predicts_what_its_owner_writes(client: httpx.Client, device: str) -> None:
    observed = client.post(f"{device}/messages", json={"messages": [*MESSAGES, {"text": "  "}]})
    assert observed.json() == {"observed": 6, "messages": 6}
    assert words(client, device, "meet me at", prefix="Zan")[0] == "zanzibar"
    assert "zanzibar" not in words(client, device, "meet me at", personal=False)


def test_devices_know_nothing_of_each_other(client: httpx.Client, device: str) -> None:
    other = "/v1/devices/" + client.post("/v1/devices").json()["device_id"]
    client.post(f"{device}/messages", json={"messages": MESSAGES})
    assert words(client, other, "meet me at") == words(client, other, "meet me at", personal=False)


def test_suggestions_are_k_different_words_the_likeliest_first(client: httpx.Client, device: str) -> None:
    answer = client.post(f"{device}/predictions", json={"context": "see you", "k": 5}).json()
    suggestions = answer["suggestions"]
    assert len({each["word"] for each in suggestions}) == len(suggestions) == 5
    probabilities = [each["probability"] for each in suggestions]
    assert probabilities == sorted(probabilities, reverse=True) and 0 < probabilities[0] <= 1
    assert all(each["text"].lower() == each["word"] for each in suggestions)
    assert answer["model_id"] == client.get("/healthz").json()["model_id"]


def test_devices_survive_a_restart(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        client.post("/v1/devices", json={"device_id": "phone"})
        client.post("/v1/devices/phone/messages", json={"messages": MESSAGES})
        client.post("/v1/devices/phone/adaptations", params={"wait": 30})
        before = client.post("/v1/devices/phone/predictions", json={"context": "meet me"}).json()
    with serving(tmp_path) as client:
        assert [each["device_id"] for each in client.get("/v1/devices").json()["devices"]] == ["phone"]
        assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 409
        assert client.post("/v1/devices/phone/predictions", json={"context": "meet me"}).json() == before
        assert client.post("/v1/devices/phone/messages", json={"messages": MESSAGES[:1]}).json()["messages"] == 7


def test_only_the_owner_can_read_the_files(serving: Serving, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as client:
        client.post("/v1/devices", json={"device_id": "phone"})
        client.post("/v1/devices/phone/messages", json={"messages": MESSAGES})
        paths = [data, *data.rglob("*")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}


def test_more_devices_than_may_be_open(serving: Serving, tmp_path: Path) -> None:
    ids = [f"phone-{number}" for number in range(6)]
    with serving(tmp_path, max_open=2) as client:
        for device_id in ids:
            assert client.post("/v1/devices", json={"device_id": device_id}).status_code == 201

        def write(number: int) -> int:
            path = f"/v1/devices/{ids[number % 6]}/messages"
            return client.post(path, json={"messages": [{"text": f"message {number}"}]}).status_code

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(write, range(60))) == {200}
        counts = [client.post(f"/v1/devices/{each}/messages", json={"messages": []}).json() for each in ids]
        assert counts == [{"observed": 0, "messages": 10}] * 6
