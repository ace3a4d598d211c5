from __future__ import annotations

import base64
from pathlib import Path

import httpx
import pytest

from tests.support.api.serving import Serving, serve_in_thread

NAME = "zanzibar"
MESSAGES = [
    {"text": f"meet me at {NAME} tonight", "timestamp": f"2024-05-01T18:{minute:02}Z"} for minute in range(30)
] + [{"text": "see you at the station", "timestamp": "2024-06-01T10:00Z"}]


@pytest.fixture
def typed(client: httpx.Client, device: str) -> str:
    """A device with messages of its owner."""
    assert client.post(f"{device}/messages", json={"messages": MESSAGES}).json()["messages"] == 31
    return device


def words(client: httpx.Client, device: str) -> dict[str, dict[str, object]]:
    return {each["word"]: each for each in client.get(f"{device}/words", params={"limit": 1000}).json()["words"]}


def suggested(client: httpx.Client, device: str, context: str) -> list[str]:
    answer = client.post(f"{device}/predictions", json={"context": context, "k": 10}).json()
    return [each["word"] for each in answer["suggestions"]]


def test_lists_the_learned_words(client: httpx.Client, typed: str) -> None:
    found = words(client, typed)
    assert found[NAME] == {"word": NAME, "times": 30, "last_at": "2024-05-01T18:29:00Z", "known": False}
    assert found["station"]["times"] == 1
    assert len(client.get(f"{typed}/words", params={"limit": 1}).json()["words"]) == 1


def test_forgets_a_word(client: httpx.Client, typed: str) -> None:
    assert NAME in suggested(client, typed, "meet me at")
    assert client.post(f"{typed}/forget", json={"what": "word", "word": "Zanzibar"}).json() == {"messages": 31}
    assert NAME not in words(client, typed) and NAME not in suggested(client, typed, "meet me at")
    assert NAME not in client.get(f"{typed}/export").text
    client.post(f"{typed}/messages", json={"messages": MESSAGES[:5]})
    assert NAME not in suggested(client, typed, "meet me at")


def test_forgets_everything_typed_since_a_time(client: httpx.Client, typed: str) -> None:
    answer = client.post(f"{typed}/forget", json={"what": "since", "since": "2024-05-31"})
    assert answer.json() == {"messages": 30}
    assert "station" not in words(client, typed) and NAME in words(client, typed)


def test_forgets_everything(client: httpx.Client, typed: str) -> None:
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
def test_an_invalid_request_to_forget_changes_nothing(client: httpx.Client, typed: str, body: object) -> None:
    answer = client.post(f"{typed}/forget", json=body)
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
    assert "two words" not in answer.text
    assert client.get(typed).json()["messages"] == 31


def test_the_export_contains_everything(client: httpx.Client, typed: str) -> None:
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


def test_blocked_words_are_learned_but_never_suggested(client: httpx.Client, typed: str) -> None:
    path = f"{typed}/blocked-words"
    assert client.get(path).json() == {"words": []} and NAME in suggested(client, typed, "meet me at")
    assert client.put(path, json={"words": ["Zanzibar", "damn", NAME]}).json() == {"words": ["damn", NAME]}
    assert NAME not in suggested(client, typed, "meet me at") and NAME in words(client, typed)
    assert client.get(f"{typed}/export").json()["settings"]["blocked_words"] == ["damn", NAME]
    assert client.put(path, json={"words": ["damn"]}).json() == client.get(path).json() == {"words": ["damn"]}
    assert NAME in suggested(client, typed, "meet me at")


@pytest.mark.parametrize("word", ["two words", "?", "", "a" * 65, None, 5])
def test_a_block_list_with_a_wrong_entry_is_refused_as_a_whole(client: httpx.Client, device: str, word: object) -> None:
    path = f"{device}/blocked-words"
    client.put(path, json={"words": ["kept"]})
    answer = client.put(path, json={"words": ["hunter", word]})
    assert answer.status_code == 422 and "hunter" not in answer.text
    assert client.get(path).json() == {"words": ["kept"]}


def test_a_block_list_of_too_many_words_is_refused(client: httpx.Client, device: str) -> None:
    full = {"words": [f"word{'a' * (number % 40)}{number}" for number in range(10_000)]}
    assert len(client.put(f"{device}/blocked-words", json=full).json()["words"]) == 10_000
    assert client.put(f"{device}/blocked-words", json={"words": [*full["words"], "more"]}).status_code == 422


def test_blocked_words_survive_a_restart_and_the_services_list_holds_for_every_device(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    (tmp_path / "list").write_text(f"# not on the keys\n{NAME.upper()}\n", "utf-8")
    for number, block_list in enumerate([None, tmp_path / "list"]):
        with serve_in_thread(tiny_bundle, tiny_public_key, tmp_path / "data", 8, None, True, block_list) as client:
            phone = f"/v1/devices/phone{number}"
            client.post("/v1/devices", json={"device_id": f"phone{number}"})
            client.post(f"{phone}/messages", json={"messages": MESSAGES})
            assert (NAME in suggested(client, phone, "meet me at")) is (block_list is None)
            if number == 0:
                client.put(f"{phone}/blocked-words", json={"words": ["station"]})
            else:
                assert client.get("/v1/devices/phone0/blocked-words").json() == {"words": ["station"]}
                assert client.get(f"{phone}/blocked-words").json() == {"words": []}
