"""Unknown devices, wrong keys, wrong types, a megabyte, ten thousand messages, odd scripts: at every endpoint."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.api.endpoints import EVERY, GUARDED, OF_A_DEVICE, Endpoint
from tests.support.api.serving import Serving

SECRET = "hunter2"
MEGABYTE = SECRET * 150_000

each = pytest.mark.parametrize("endpoint", EVERY, ids=str)
each_guarded = pytest.mark.parametrize("endpoint", GUARDED, ids=str)
each_of_a_device = pytest.mark.parametrize("endpoint", OF_A_DEVICE, ids=str)


def problem(answer: httpx.Response, *statuses: int) -> httpx.Response:
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] and SECRET not in answer.text and len(answer.content) < 10_000
    return answer


def messages(client: httpx.Client, device: str) -> int:
    return int(client.get(device).json()["messages"])


@pytest.fixture(scope="module")
def guarded(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that asks for keys; nobody has one."""
    with serving(tmp_path_factory.mktemp("guarded"), insecure=False) as client:
        yield client


def test_no_endpoint_is_missing_here(client: httpx.Client) -> None:
    described = client.get("/v1/openapi.json").json()["paths"]
    listed = {(method.upper(), path) for path, methods in described.items() for method in methods}
    assert listed == {(endpoint.method, endpoint.path) for endpoint in EVERY}


@each_of_a_device
@pytest.mark.parametrize("device_id", ["nobody", "-" * 64])
def test_an_unknown_device(client: httpx.Client, endpoint: Endpoint, device_id: str) -> None:
    problem(endpoint.call(client, device_id), 404)


@each_of_a_device
@pytest.mark.parametrize("device_id", ["a.b", "a%00b", "%F0%9F%98%80", "%D8%A3", "%ff", "a" * 65, "a" * 60_000])
def test_an_id_that_is_none(client: httpx.Client, endpoint: Endpoint, device_id: str) -> None:
    answer = endpoint.call(client, device_id)
    if len(device_id) < 60_000 or answer.status_code == 422:  # the server's own limit of a line may come first
        problem(answer, 404, 422)
    else:
        assert answer.status_code in (400, 414)


WRONG_KEYS = ["tp_wrong", "x" * 10_000, "tp_\xff\xfe", "Bearer tp_wrong", "tp_" + "0" * 43]


@each_guarded
def test_a_wrong_key(guarded: httpx.Client, endpoint: Endpoint) -> None:
    for key in WRONG_KEYS:
        answer = endpoint.call(guarded, headers={b"Authorization": f"Bearer {key}".encode("latin-1")})
        assert problem(answer, 401).headers["www-authenticate"].startswith("Bearer")


@each
def test_a_query_that_no_endpoint_has(client: httpx.Client, device: str, endpoint: Endpoint) -> None:
    for name in (SECRET, "\N{GRINNING FACE}", "\0"):
        problem(endpoint.call(client, device.rpartition("/")[2], params={name: SECRET * 1000}), 422)


WITH_JSON = [endpoint for endpoint in EVERY if isinstance(endpoint.body, dict)]
NO_JSON_OBJECT: dict[str, bytes] = {
    "list": b"[]",
    "text": b'"hunter2"',
    "number": b"1e400",
    "true": b"true",
    "cut short": b'{"text": "hunter2',
    "deep": b'{"a":' * 50_000,
    "no UTF-8": b'{"\xff\xfe": 1}',
    "half a character": b'{"\\ud83d": 1}',
    "unknown key": b'{"colour": "hunter2"}',
    "a megabyte as a key": b'{"' + b"colour" * 150_000 + b'": 1}',
    "a megabyte of keys": b"{" + b'"colour": 1, ' * 70_000 + b'"a": 1}',
}


@pytest.mark.parametrize("endpoint", WITH_JSON, ids=str)
def test_a_body_of_the_wrong_type(client: httpx.Client, device: str, endpoint: Endpoint) -> None:
    header = {"content-type": "application/json"}
    for name, body in NO_JSON_OBJECT.items():
        answer = endpoint.call(client, device.rpartition("/")[2], content=body, headers=header)
        assert answer.status_code in (400, 422), name
        problem(answer, 400, 422)
    assert messages(client, device) == 0 and client.get(device).json()["incognito"] is False


def test_a_body_that_is_no_json(client: httpx.Client, device: str) -> None:
    body = '{"context": "hunter2" "k": 3}'
    answer = client.post(f"{device}/predictions", content=body, headers={"content-type": "application/json"})
    detail = problem(answer, 422).json()["detail"]
    assert detail == "the body is not valid JSON: Expecting ',' delimiter, at character 22"


WRONG_NUMBERS = ["", "x", "0x1", "-1", "1e400", "nan", "9" * 400, "\N{GRINNING FACE}", "1\0"]


@pytest.mark.parametrize("number", WRONG_NUMBERS)
def test_a_query_of_the_wrong_type(client: httpx.Client, device: str, number: str) -> None:
    problem(client.get("/v1/devices", params={"limit": number}), 422)
    problem(client.get(f"{device}/words", params={"limit": number}), 422)
    problem(client.post(f"{device}/adaptations", params={"wait": number}), 422)
    problem(client.get(f"{device}/adaptations/1", params={"wait": number}), 422)
    problem(client.get("/v1/devices", params={"cursor": f"a/{number}"}), 422)
    assert client.get(f"{device}/adapter/history").json()["entries"] == []


@pytest.mark.parametrize("number", ["x", "-1", "0", "1.5", "9" * 400, "%F0%9F%98%80", "1%00"])
def test_an_adaptation_of_no_number(client: httpx.Client, device: str, number: str) -> None:
    problem(client.get(f"{device}/adaptations/{number}"), 422)


def test_a_megabyte_elsewhere(client: httpx.Client, device: str) -> None:
    problem(client.post("/v1/devices", json={"device_id": MEGABYTE}), 422)
    problem(client.put(f"{device}/adapter", content=MEGABYTE.encode()), 422)
    assert client.get(device).json()["personal"] is False


def test_ten_thousand_messages(client: httpx.Client, device: str) -> None:
    """Refused in one call, with nothing of it stored; taken in ten."""
    ten_thousand = [{"text": f"meet me at {SECRET} {number % 100}"} for number in range(10_000)]
    problem(client.post(f"{device}/messages", json={"messages": ten_thousand}), 422)
    assert messages(client, device) == 0
    for start in range(0, 10_000, 1000):
        answer = client.post(f"{device}/messages", json={"messages": ten_thousand[start : start + 1000]})
        assert answer.json() == {"observed": 1000, "messages": start + 1000}
    (word,) = client.post(f"{device}/predictions", json={"context": "meet me at", "k": 1}).json()["suggestions"]
    assert word["word"] == SECRET


ODD = {
    "emoji": "\N{GRINNING FACE}\U0001f469\u200d\U0001f467",
    "right to left": "\u0623\u0631\u0627\u0643 \u202egnorw\u202c",
    "NUL": "see\0you",
    "control": "\x1b[31m\x07",
    "private use": "\ue000\U0010ffff",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_odd_text_comes_back_as_it_was_and_can_be_forgotten(client: httpx.Client, device: str, text: str) -> None:
    client.post(f"{device}/messages", json={"messages": [{"text": f"meet {text} now"}] * 3})
    (kept,) = {each["text"] for each in client.get(f"{device}/export").json()["messages"]}
    assert kept == f"meet {text} now"
    batch = {"requests": [{"context": f"meet {text}"}, {"context": "meet", "prefix": text}]}
    keys = client.post(f"{device}/predictions/batch", json=batch).json()["predictions"]
    assert keys[0][0]["word"] == "now" and len(keys) == 2
    for word in client.get(f"{device}/words").json()["words"]:
        assert client.post(f"{device}/forget", json={"what": "word", "word": word["word"]}).status_code == 200
    assert client.get(f"{device}/words").json()["words"] == []
    answer = client.post(f"{device}/forget", json={"what": "word", "word": text})
    assert answer.status_code in (200, 422)
    assert client.post(f"{device}/adaptations", params={"wait": 30}).json()["state"] == "done"
    assert messages(client, device) == 3


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_odd_text_is_no_id(client: httpx.Client, text: str) -> None:
    problem(client.post("/v1/devices", json={"device_id": text}), 422)
    problem(client.get("/v1/devices", params={"cursor": text}), 422)
