from __future__ import annotations

import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

import api.service
from api.devices import deletions
from api.devices.registry import Registry
from tests.support.api.serving import Serving

MESSAGES = [{"text": "meet me at zanzibar tonight", "timestamp": None}] * 6


def test_creates_a_device_once(client: httpx.Client) -> None:
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
def test_chooses_an_id_for_a_device_without_one(client: httpx.Client, body: object) -> None:
    ids = {client.post("/v1/devices", json=body).json()["device_id"] for _ in range(2)}
    assert len(ids) == 2


def test_only_one_of_several_requests_gets_an_id(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda _: client.post("/v1/devices", json={"device_id": "wanted"}), range(8))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


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


def test_only_the_services_user_can_read_the_files(serving: Serving, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as client:
        client.post("/v1/devices", json={"device_id": "phone"})
        client.post("/v1/devices/phone/messages", json={"messages": MESSAGES})
        paths = [data, *data.rglob("*")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}


def test_more_devices_than_the_limit_of_open_phones(serving: Serving, tmp_path: Path) -> None:
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


PHONE = "/v1/devices/phone"


SECRET = "zanzibar"


def create_phone(client: httpx.Client) -> None:
    assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 201
    body = {"messages": [{"text": f"meet me at {SECRET} tonight"}] * 30}
    assert client.post(f"{PHONE}/messages", json=body).status_code == 200


def test_deletes_all_data_and_frees_the_id(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        create_phone(client)
        job = client.post(f"{PHONE}/adaptations", params={"wait": 30}).json()["adaptation_id"]
        assert client.delete(PHONE).status_code == 204
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/words"), ("GET", f"/adaptations/{job}")):
            assert client.request(method, PHONE + path).status_code == 404
        assert client.get("/v1/devices").json() == {"devices": [], "next_cursor": None}
        assert list((tmp_path / "devices").iterdir()) == []
        assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert client.post("/v1/devices", json={"device_id": "phone"}).json()["messages"] == 0


def refuse(*_arguments: object, **_options: object) -> None:
    raise PermissionError(13, "Permission denied")


def refusing_in_the_trash(name: str) -> Callable[..., None]:
    """Returns a method of Path that refuses to work in the folder of deleted data."""
    allowed = getattr(Path, name)
    return lambda path, **options: refuse() if "trash" in path.parts else allowed(path, **options)


def history_of(tmp_path: Path) -> bytes:
    """Returns everything that is readable in the data folder, except the bundle."""
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".bundle"]
    return b"".join(path.read_bytes() for path in files)


@pytest.mark.parametrize("refusing", ["unlink", "rmdir"])
def test_a_folder_that_cannot_be_removed_is_unreadable_and_its_id_is_free_at_once(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    with serving(tmp_path) as client:
        create_phone(client)
        with monkeypatch.context() as patch:
            patch.setattr(Path, refusing, refusing_in_the_trash(refusing))
            for _ in range(2):  # the second DELETE says what the state is
                answer = client.delete(PHONE)
                assert answer.status_code == 202 and int(answer.headers["retry-after"]) > 0
                left = answer.json()
                assert (left["state"], left["id_in_use"], left["readable_files"]) == ("deleting", False, 0)
                assert left["files_left"] > 0 and client.get(PHONE).status_code == 404
            assert SECRET.encode() not in history_of(tmp_path)
            assert client.post("/v1/devices", json={"device_id": "phone"}).json()["messages"] == 0
            assert client.get("/v1/devices").json()["devices"][0]["device_id"] == "phone"
    with monkeypatch.context() as patch:
        patch.setattr(Path, refusing, refusing_in_the_trash(refusing))
        with serving(tmp_path) as client:  # the service starts with what is left
            assert client.get(PHONE).json()["messages"] == 0 and list((tmp_path / "trash").iterdir())
    with serving(tmp_path) as client:
        assert client.get(PHONE).json()["messages"] == 0 and not list((tmp_path / "trash").iterdir())
        assert client.delete(PHONE).status_code == 204 and client.delete(PHONE).status_code == 404


def test_a_folder_that_cannot_be_moved_is_erased_in_place(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as client:
        create_phone(client)
        with monkeypatch.context() as patch:
            for name in ("rename", "rmdir"):
                patch.setattr(Path, name, refuse)
            answer = client.delete(PHONE)
            assert answer.status_code == 202 and answer.json()["id_in_use"] is True
            assert SECRET.encode() not in history_of(tmp_path)
            created = client.post("/v1/devices", json={"device_id": "phone"})
            assert created.status_code == 409 and int(created.headers["retry-after"]) > 0
            assert "still being deleted" in created.json()["detail"]
    with monkeypatch.context() as patch:
        for name in ("rename", "rmdir"):
            patch.setattr(Path, name, refuse)
        with serving(tmp_path) as client:
            assert client.delete(PHONE).status_code == 202
    with serving(tmp_path) as client:
        assert client.get(PHONE).status_code == 404
        assert client.post("/v1/devices", json={"device_id": "phone"}).json()["messages"] == 0


def test_the_service_tries_again_by_itself(serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions, "RETRY_SECONDS", 0.05)
    with serving(tmp_path) as client:
        create_phone(client)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rmdir", refuse)
            assert client.delete(PHONE).status_code == 202
        deadline = time.monotonic() + 30
        while list((tmp_path / "trash").iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not list((tmp_path / "trash").iterdir()) and client.delete(PHONE).status_code == 404


def test_later_requests_do_not_restore_a_deleted_device(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as client:
        for _ in range(5):
            create_phone(client)

            def write(number: int) -> int:
                if number == 10:
                    return client.delete(PHONE).status_code
                return client.post(f"{PHONE}/messages", json={"messages": [{"text": SECRET}]}).status_code

            with ThreadPoolExecutor(8) as threads:
                statuses = list(threads.map(write, range(30)))
            assert statuses.count(204) == 1 and set(statuses) <= {200, 204, 404}
            assert list((tmp_path / "devices").iterdir()) == []


def test_a_deletion_waits_for_the_running_adaptation(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        create_phone(client)
        assert client.post(f"{PHONE}/adaptations").status_code == 202
        assert client.delete(PHONE).status_code == 204
        assert not (tmp_path / "devices" / "phone").exists()


def test_a_device_keeps_its_id_until_its_rows_are_deleted(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as client:
        create_phone(client)
        with monkeypatch.context() as patch:
            patch.setattr(Registry, "end_deleting", lambda *_: (_ for _ in ()).throw(OSError(5, "the disk broke")))
            assert client.delete(PHONE).json()["id_in_use"] is True
        assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 409
        assert client.delete(PHONE).status_code == 204
        assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 201


def test_many_devices_are_created_at_once_and_predictions_go_on(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        create_phone(client)

        def create(number: int) -> int:
            if number % 10 == 0:
                return client.post(f"{PHONE}/predictions", json={"context": "meet me"}).status_code
            return client.post("/v1/devices", json={"device_id": f"new-{number}"}).status_code

        with ThreadPoolExecutor(48) as threads:
            assert set(threads.map(create, range(240))) == {200, 201}


def test_too_many_creations_at_once_are_told_when_to_try_again(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.service, "MAX_CREATING", 2)
    with serving(tmp_path) as client:

        def create(number: int) -> httpx.Response:
            return client.post("/v1/devices", json={"device_id": f"new-{number}"})

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(create, range(64)))
        refused = [answer for answer in answers if answer.status_code != 201]
        assert refused and all(answer.status_code == 429 and answer.headers["retry-after"] for answer in refused)
        created = len(answers) - len(refused)
        assert len(client.get("/v1/devices", params={"limit": 200}).json()["devices"]) == created > 0


def test_a_device_whose_folder_cannot_be_made_is_not_registered(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path) as client:
        (tmp_path / "devices" / "phone").write_text("a file in its place")
        assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 503
        assert client.get(PHONE).status_code == 404 and client.get("/v1/devices").json()["devices"] == []
        (tmp_path / "devices" / "phone").unlink()
        assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 201
