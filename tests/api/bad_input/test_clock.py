"""A clock that jumps while the service runs: messages keep their order, and nothing is lost or waits for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import httpx
import pytest

import api.auth.api_keys
import api.devices.adaptation_jobs
import api.devices.registry
import device_runtime.phone.message_history
import device_runtime.phone.phone
from tests.support.api.serving import Serving

PHONE = "/v1/devices/phone"
JUMPS = ["2026-05-01T12:00", "1970-01-01T00:00", "9999-12-31T23:59", "0001-01-01T00:00", "2026-05-01T11:59"]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the time in every module that reads the clock."""

    def jump(to: str) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.fromisoformat(to).replace(tzinfo=tz)

        for module in (
            api.devices.adaptation_jobs,
            api.auth.api_keys,
            api.devices.registry,
            device_runtime.phone.message_history,
            device_runtime.phone.phone,
        ):
            monkeypatch.setattr(module, "datetime", Clock)

    return jump


def texts(client: httpx.Client) -> list[str]:
    return [each["text"] for each in client.get(f"{PHONE}/export").json()["messages"]]


def test_a_device_works_across_every_jump(serving: Serving, tmp_path: Path, set_clock: Callable[[str], None]) -> None:
    typed: list[str] = []
    with serving(tmp_path) as client:
        for number, time in enumerate(JUMPS):
            set_clock(time)
            body = {"device_id": "phone" if number == 0 else f"phone-{number}"}
            created = client.post("/v1/devices", json=body)
            assert created.status_code == 201 and created.json()["created_at"].startswith(time)
            more = [f"meet me at zanzibar {number} {n}" for n in range(20)]
            assert client.post(f"{PHONE}/messages", json={"messages": [{"text": t} for t in more]}).status_code == 200
            typed += more
            job = client.post(f"{PHONE}/adaptations", params={"wait": 30}).json()
            assert job["state"] == "done" and job["created_at"].startswith(time)
            assert client.post(f"{PHONE}/predictions", json={"context": "meet me at"}).status_code == 200
        assert texts(client) == typed
        entries = client.get(f"{PHONE}/adapter/history").json()["entries"]
        assert [entry["at"][:16] for entry in entries] == JUMPS[::-1]  # newest first
        assert len(client.get("/v1/devices").json()["devices"]) == len(JUMPS)
        assert client.get(f"{PHONE}/words").json()["words"][0]["word"] == "zanzibar"
    with serving(tmp_path) as client:
        assert texts(client) == typed


def test_forget_since_uses_the_time_at_which_messages_arrived(
    serving: Serving, tmp_path: Path, set_clock: Callable[[str], None]
) -> None:
    with serving(tmp_path) as client:
        client.post("/v1/devices", json={"device_id": "phone"})
        for time, text in zip(JUMPS, ["now", "seventy", "far", "one", "again"], strict=True):
            set_clock(time)
            client.post(f"{PHONE}/messages", json={"messages": [{"text": text}]})
        answer = client.post(f"{PHONE}/forget", json={"what": "since", "since": "2026-05-01T12:00Z"})
        assert answer.json() == {"messages": 3} and texts(client) == ["seventy", "one", "again"]
        answer = client.post(f"{PHONE}/forget", json={"what": "since", "since": "0001-01-01T00:00Z"})
        assert answer.json() == {"messages": 0}


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_accepts_times_at_the_ends_of_the_calendar(client: httpx.Client, device: str, time: str) -> None:
    message = {"text": "meet me at zanzibar", "timestamp": time}
    assert client.post(f"{device}/messages", json={"messages": [message] * 2}).status_code == 200
    assert client.get(f"{device}/words").status_code == 200
    (first, _) = client.get(f"{device}/export").json()["messages"]
    assert datetime.fromisoformat(first["at"]).utcoffset() is not None
    assert client.post(f"{device}/adaptations", params={"wait": 30}).json()["state"] == "done"
    assert client.get(f"{device}/adapter/history").status_code == 200
    assert client.post(f"{device}/forget", json={"what": "since", "since": time}).json() == {"messages": 0}


def test_a_key_stays_valid_across_jumps(serving: Serving, tmp_path: Path, set_clock: Callable[[str], None]) -> None:
    from api.auth.api_keys import ApiKeys
    from api.schemas.base import KeyScope
    from api.storage.schema import open_database

    with serving(tmp_path, insecure=False) as client:
        database = open_database(tmp_path / "devices.sqlite", to_serve=False)
        keys = ApiKeys(database)
        set_clock(JUMPS[2])
        key, secret = keys.create("me", KeyScope.ADMIN)
        assert key.created_at == datetime.fromisoformat(JUMPS[2]).replace(tzinfo=UTC)
        for time in JUMPS:
            set_clock(time)
            assert client.get("/v1/devices", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        database.close()
