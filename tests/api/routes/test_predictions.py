from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import pytest

import api.service
from api.devices import phone_pool
from api.schemas.base import MAX_MESSAGES
from device_runtime.phone.phone import Phone
from tests.support.api.problems import require_problem

MESSAGES = [{"text": "meet me at zanzibar tonight", "timestamp": None}] * 6


def suggested_words(client: httpx.Client, device: str, context: str, **more: object) -> list[str]:
    answer = client.post(f"{device}/predictions", json={"context": context, **more})
    assert answer.status_code == 200, answer.text
    return [suggestion["word"] for suggestion in answer.json()["suggestions"]]


def test_predicts_words_that_the_owner_typed(client: httpx.Client, device: str) -> None:
    observed = client.post(f"{device}/messages", json={"messages": [*MESSAGES, {"text": "  "}]})
    assert observed.json() == {"observed": 6, "messages": 6}
    assert suggested_words(client, device, "meet me at", prefix="Zan")[0] == "zanzibar"
    assert "zanzibar" not in suggested_words(client, device, "meet me at", personal=False)


@pytest.mark.parametrize(
    ("learned", "prefix", "replaces", "space_after", "text"),
    [
        ("meet me at zanzibar tonight", "me at Zan", 3, True, "Zanzibar"),
        ("meet \N{GRINNING FACE}u\u0308ber", "\N{GRINNING FACE}u\u0308b", 3, True, "über"),
        ("ผมชื่อสมชายครับ", "ผมชื่อสม", 2, False, "สมชาย"),
    ],
)
def test_says_what_a_suggestion_replaces_and_whether_a_space_follows(
    client: httpx.Client, device: str, learned: str, prefix: str, replaces: int, space_after: bool, text: str
) -> None:
    client.post(f"{device}/messages", json={"messages": [{"text": learned}] * 6})
    request = {"context": "meet", "prefix": prefix}
    (first, *_), ((same, *_),) = (
        client.post(f"{device}/predictions", json=request).json()["suggestions"],
        client.post(f"{device}/predictions/batch", json={"requests": [request]}).json()["predictions"],
    )
    assert (first["replaces"], first["space_after"], first["text"]) == (replaces, space_after, text)
    assert same == first


def test_says_that_a_device_fell_back_to_the_shared_model(client: httpx.Client, device: str) -> None:
    assert client.get(device).json()["fallen_back"] is False
    client.post(f"{device}/messages", json={"messages": [{"text": f"see {word}"} for word in ("xa", "xb", "xc")] * 60})
    (only_shared, *_) = suggested_words(client, device, "see", personal=False)
    for _ in range(4):
        assert only_shared not in suggested_words(client, device, "see")
        client.post(f"{device}/messages", json={"messages": [{"text": f"see {only_shared}"}]})
    assert client.get(device).json()["fallen_back"] is True
    assert suggested_words(client, device, "see") == suggested_words(client, device, "see", personal=False)


def test_goes_on_with_a_second_word_only_if_asked(client: httpx.Client, device: str) -> None:
    client.post(f"{device}/messages", json={"messages": [{"text": "meet me at Quuxville soonish"}] * 40})
    request = {"context": "meet me at", "prefix": "quu"}
    one = client.post(f"{device}/predictions", json=request).json()["suggestions"][0]
    two = client.post(f"{device}/predictions", json=request | {"two_words": True}).json()["suggestions"][0]
    assert (one["word"], one["then"]) == ("quuxville", "")
    assert two == one | {"then": "soonish"}


def test_messages_of_one_device_do_not_change_another(client: httpx.Client, device: str) -> None:
    other = "/v1/devices/" + client.post("/v1/devices").json()["device_id"]
    client.post(f"{device}/messages", json={"messages": MESSAGES})
    assert suggested_words(client, other, "meet me at") == suggested_words(client, other, "meet me at", personal=False)


def test_suggests_k_different_words_the_most_probable_first(client: httpx.Client, device: str) -> None:
    answer = client.post(f"{device}/predictions", json={"context": "see you", "k": 5}).json()
    suggestions = answer["suggestions"]
    assert len({each["word"] for each in suggestions}) == len(suggestions) == 5
    probabilities = [each["probability"] for each in suggestions]
    assert probabilities == sorted(probabilities, reverse=True) and 0 < probabilities[0] <= 1
    assert all(each["text"].lower() == each["word"] for each in suggestions)
    assert answer["model_id"] == client.get("/healthz").json()["model_id"]


def test_private_messages_are_not_stored(client: httpx.Client, device: str) -> None:
    body = {"messages": [{"text": "hunter2", "private": True}, {"text": "hello"}]}
    assert client.post(f"{device}/messages", json=body).json() == {"observed": 1, "messages": 1}
    assert "hunter2" not in client.get(f"{device}/export").text


def test_ten_thousand_messages_need_ten_calls(client: httpx.Client, device: str) -> None:
    """One call with all of them is refused as a whole."""
    ten_thousand = [{"text": f"meet me at hunter2 {number % 100}"} for number in range(10_000)]
    assert client.post(f"{device}/messages", json={"messages": ten_thousand}).status_code == 422
    assert client.get(device).json()["messages"] == 0
    for start in range(0, 10_000, 1000):
        answer = client.post(f"{device}/messages", json={"messages": ten_thousand[start : start + 1000]})
        assert answer.json() == {"observed": 1000, "messages": start + 1000}
    (word,) = client.post(f"{device}/predictions", json={"context": "meet me at", "k": 1}).json()["suggestions"]
    assert word["word"] == "hunter2"


def test_one_call_can_have_the_maximum_number_of_messages(client: httpx.Client, device: str) -> None:
    text = "see you at the station tomorrow morning " * 10
    full = client.post(f"{device}/messages", json={"messages": [{"text": text}] * MAX_MESSAGES})
    assert full.json() == {"observed": MAX_MESSAGES, "messages": MAX_MESSAGES}


@pytest.mark.parametrize(
    "time", ["2024-05-01T18:30:00+08:00", "2024-05-01T18:30Z", "2024-05-01", "9999-12-31T23:59Z", None]
)
def test_accepts_a_timestamp_with_and_without_a_zone(client: httpx.Client, device: str, time: str | None) -> None:
    body = {"messages": [{"text": "hello", "timestamp": time}]}
    assert client.post(f"{device}/messages", json=body).json()["observed"] == 1


def test_a_device_that_hangs_in_a_request_is_answered_in_time_and_the_others_are_served(
    client: httpx.Client, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, observe = threading.Event(), Phone.observe_many

    def hang(phone: Phone, messages: Any) -> None:
        assert go_on.wait(60)
        observe(phone, messages)

    other = f"/v1/devices/{client.post('/v1/devices').json()['device_id']}"
    body = {"messages": [{"text": "hello"}]}
    monkeypatch.setattr(Phone, "observe_many", hang)
    monkeypatch.setattr(api.service, "ANSWER_SECONDS", 0.2)
    try:
        for _ in range(phone_pool.MAX_USERS + 4):  # more than one device may use
            answer = require_problem(client.post(f"{device}/messages", json=body), 503)
            assert int(answer.headers["retry-after"]) > 0
        monkeypatch.setattr(api.service, "ANSWER_SECONDS", 30)  # on a busy machine, others also need more than 0.2 s
        assert client.post(f"{other}/predictions", json={"context": "see you"}).status_code == 200
        assert client.get(other).status_code == 200
    finally:
        go_on.set()
    deadline, stored = time.monotonic() + 30, 0
    while stored < phone_pool.MAX_USERS and time.monotonic() < deadline:
        time.sleep(0.02)
        answer = client.get(device)
        stored = answer.json()["messages"] if answer.status_code == 200 else 0
    assert stored == phone_pool.MAX_USERS  # what was asked for was done later
