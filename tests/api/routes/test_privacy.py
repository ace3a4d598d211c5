from __future__ import annotations

import base64
from pathlib import Path

import httpx
import pytest

from tests.support.api.serving import Serving

NAME = "zanzibar"
MESSAGES = [
    {"text": f"meet me at {NAME} tonight", "timestamp": f"2024-05-01T18:{minute:02}Z"} for minute in range(30)
] + [{"text": "see you at the station", "timestamp": "2024-06-01T10:00Z"}]


@pytest.fixture
def typed(client: httpx.Client, device: str) -> str:
    """A device whose owner has typed."""
    assert client.post(f"{device}/messages", json={"messages": MESSAGES}).json()["messages"] == 31
    return device


def words(client: httpx.Client, device: str) -> dict[str, dict[str, object]]:
    return {each["word"]: each for each in client.get(f"{device}/words", params={"limit": 1000}).json()["words"]}


def suggested(client: httpx.Client, device: str, context: str) -> list[str]:
    answer = client.post(f"{device}/predictions", json={"context": context, "k": 10}).json()
    return [each["word"] for each in answer["suggestions"]]


def test_the_learned_words_are_shown(client: httpx.Client, typed: str) -> None:
    found = words(client, typed)
    assert found[NAME] == {"word": NAME, "times": 30, "last_at": "2024-05-01T18:29:00Z", "known": False}
    assert found["station"]["times"] == 1
    assert len(client.get(f"{typed}/words", params={"limit": 1}).json()["words"]) == 1


def test_a_forgotten_word_is_gone(client: httpx.Client, typed: str) -> None:
    assert NAME in suggested(client, typed, "meet me at")
    assert client.post(f"{typed}/forget", json={"what": "word", "word": "Zanzibar"}).json() == {"messages": 31}
    assert NAME not in words(client, typed) and NAME not in suggested(client, typed, "meet me at")
    assert NAME not in client.get(f"{typed}/export").text
    client.post(f"{typed}/messages", json={"messages": MESSAGES[:5]})
    assert NAME not in suggested(client, typed, "meet me at")


def test_what_was_typed_since_a_time_is_forgotten(client: httpx.Client, typed: str) -> None:
    answer = client.post(f"{typed}/forget", json={"what": "since", "since": "2024-05-31"})
    assert answer.json() == {"messages": 30}
    assert "station" not in words(client, typed) and NAME in words(client, typed)


def test_everything_is_forgotten(client: httpx.Client, typed: str) -> None:
    client.post(f"{typed}/adaptations", params={"wait": 30})
    assert client.post(f"{typed}/forget", json={"what": "all"}).json() == {"messages": 0}
    shown = client.get(typed).json()
    assert (shown["messages"], shown["words"], shown["personal"]) == (0, 0, False)
    assert words(client, typed) == {} and client.get(f"{typed}/adapter/history").json()["entries"] == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"what": "everything"},
        {"what": "word"},
        {"what": "word", "word": ""},
        {"what": "word", "word": "two words"},
        {"what": "word", "word": "?!"},
        {"what": "word", "word": "a", "since": "2024-05-01"},
        {"what": "since", "since": "yesterday"},
        {"what": "since", "since": None},
        {"what": "all", "word": "a"},
    ],
)
def test_unclear_wishes_forget_nothing(client: httpx.Client, typed: str, body: object) -> None:
    answer = client.post(f"{typed}/forget", json=body)
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
    assert "two words" not in answer.text
    assert client.get(typed).json()["messages"] == 31


def test_the_export_holds_everything(client: httpx.Client, typed: str) -> None:
    client.post(f"{typed}/adaptations", params={"wait": 30})
    export = client.get(f"{typed}/export").json()
    assert [each["text"] for each in export["messages"]] == [each["text"] for each in MESSAGES]
    assert len(export["adaptations"]) == 1 and export["settings"]["incognito"] is False
    if export["adapter"] is not None:
        assert base64.b64decode(export["adapter"]["safetensors"]) == client.get(f"{typed}/adapter").content


def test_incognito_learns_nothing_and_survives_a_restart(serving: Serving, tmp_path: Path) -> None:
    phone = "/v1/devices/phone"
    with serving(tmp_path) as client:
        client.post("/v1/devices", json={"device_id": "phone"})
        assert client.patch(phone, json={"incognito": True}).json()["incognito"] is True
        assert client.post(f"{phone}/messages", json={"messages": MESSAGES}).json() == {"observed": 0, "messages": 0}
    with serving(tmp_path) as client:
        assert client.get(phone).json()["incognito"] is True
        client.patch(phone, json={"incognito": False})
        assert client.post(f"{phone}/messages", json={"messages": MESSAGES}).json()["observed"] == 31


def test_private_fields_are_not_stored(client: httpx.Client, device: str) -> None:
    body = {"messages": [{"text": "hunter2", "private": True}, {"text": "hello"}]}
    assert client.post(f"{device}/messages", json=body).json() == {"observed": 1, "messages": 1}
    assert "hunter2" not in client.get(f"{device}/export").text
