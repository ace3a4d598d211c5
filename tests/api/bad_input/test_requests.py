"""Whatever is sent, the answer is sensible or says what is wrong, without repeating what was typed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from api.http.request_limits import MAX_BODY
from api.schemas.base import MAX_MESSAGES, MAX_TEXT

STRANGE = {
    "emoji": "see you 👩‍👩‍👧‍👦 soon 🎉🎉",
    "right to left": "أراك غدا في المحطة \u202e!dehsart",
    "NUL": "see\x00you\x00",
    "Chinese": "明天在车站见",
    "combining": "Z" + "\u0301" * 500,
    "control": "\x01\x1b[31m\x7f\u2028",
    "placeholders": "<#> <URL> < script>",
    "one long word": "a" * MAX_TEXT,
    "many words": "so " * (MAX_TEXT // 3),
    "blank": " \n\t\u3000",
    "empty": "",
}


def problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    details = answer.json()
    assert details["status"] == status and details["type"] == "about:blank" and details["title"] and details["detail"]
    return dict(details)


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE.keys())
def test_strange_text_is_typed_and_predicted_after(client: httpx.Client, device: str, text: str) -> None:
    observed = client.post(f"{device}/messages", json={"messages": [{"text": text}]})
    assert observed.status_code == 200
    assert observed.json()["observed"] == bool(text.strip())
    for personal in (True, False):
        for prefix in ("", text[:64]):
            body = {"context": text, "prefix": prefix, "personal": personal}
            answer = client.post(f"{device}/predictions", json=body)
            assert answer.status_code == 200
            assert len(answer.json()["suggestions"]) <= 3


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe\x00", b'{"context": "\\ud83d"}', b'{"context": "", "\\ud83d": 1}', b"[" * 100_000, b"NaN"],
    ids=["empty", "cut short", "no UTF-8", "half a character", "half a character as a key", "deep", "no number"],
)
def test_broken_json_is_refused(client: httpx.Client, device: str, body: bytes) -> None:
    answer = client.post(f"{device}/predictions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code)


def test_text_of_another_type_is_not_taken_for_json(client: httpx.Client, device: str) -> None:
    """A page of another origin can send that without asking."""
    body = json.dumps({"context": "see you"})
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        problem(client.post(f"{device}/predictions", content=body, headers={"content-type": kind}), 422)


@pytest.mark.parametrize("verb", ["messages", "predictions", "adaptations"])
def test_an_unknown_device_is_not_found(client: httpx.Client, verb: str) -> None:
    body = {"messages": {"messages": []}, "predictions": {"context": ""}}.get(verb)
    problem(client.post(f"/v1/devices/nobody/{verb}", json=body), 404)


BAD_IDS = ["", ".", "..", "../../etc", "a/b", "a b", "a.b", "é", "a\n", "a\x00", "-" * 65, "%2e%2e"]


@pytest.mark.parametrize("device_id", [*BAD_IDS, 5, ["a"], True])
def test_no_device_gets_an_id_that_is_a_path(client: httpx.Client, device_id: object) -> None:
    problem(client.post("/v1/devices", json={"device_id": device_id}), 422)


@pytest.mark.parametrize("device_id", ["..", "%2e%2e", "..%2f..", "%2fetc", "a%00", "a%0a", "%ff", "a.b", "-" * 65])
def test_no_path_leads_out_of_the_devices(client: httpx.Client, device_id: str) -> None:
    answer = client.post(f"/v1/devices/{device_id}/messages", json={"messages": [{"text": "hello"}]})
    assert answer.status_code in (404, 422)
    problem(answer, answer.status_code)


def test_other_paths_and_methods_are_problems_too(client: httpx.Client, device: str) -> None:
    problem(client.get("/v2"), 404)
    refused = client.get(f"{device}/messages")
    problem(refused, 405)
    assert refused.headers["allow"] == "POST"


def _in_pieces(size: int) -> Iterator[bytes]:
    yield b'{"messages": ['
    for _ in range(size // 65_536):
        yield b" " * 65_536


def test_a_body_too_large_is_refused_with_its_length_and_without(client: httpx.Client, device: str) -> None:
    header = {"content-type": "application/json"}
    for size in (MAX_BODY + 1, 2 * MAX_BODY):
        problem(client.post(f"{device}/messages", content=b" " * size, headers=header), 413)
        problem(client.post(f"{device}/messages", content=_in_pieces(size + 65_536), headers=header), 413)
    assert client.get("/healthz").status_code == 200


def test_a_full_call_fits(client: httpx.Client, device: str) -> None:
    text = "see you at the station tomorrow morning " * 10
    full = client.post(f"{device}/messages", json={"messages": [{"text": text}] * MAX_MESSAGES})
    assert full.json() == {"observed": MAX_MESSAGES, "messages": MAX_MESSAGES}


@pytest.mark.parametrize(
    "time", ["2024-05-01T18:30:00+08:00", "2024-05-01T18:30Z", "2024-05-01", "9999-12-31T23:59Z", None]
)
def test_times_are_taken(client: httpx.Client, device: str, time: str | None) -> None:
    body = {"messages": [{"text": "hello", "timestamp": time}]}
    assert client.post(f"{device}/messages", json=body).json()["observed"] == 1


def test_openapi_describes_the_problems(client: httpx.Client) -> None:
    described = client.get("/v1/openapi.json").json()
    assert "ProblemDetails" in described["components"]["schemas"]
    adapt = described["paths"]["/v1/devices/{device_id}/adaptations"]["post"]["responses"]
    assert adapt.keys() >= {"200", "404", "409", "422", "429", "503"}
    assert adapt["422"]["content"].keys() == {"application/problem+json"}
