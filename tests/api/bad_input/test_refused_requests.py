"""Ids, query parameters, JSON bodies and headers that are refused: each answer is a problem with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from tests.support.api.problems import SECRET, require_problem
from tests.support.api.serving import Serving

MEGABYTE = SECRET * 150_000
DIGITS = "9" * 400
EMOJI = "\N{GRINNING FACE}\U0001f469\u200d\U0001f467"
RIGHT_TO_LEFT = "\u0623\u0631\u0627\u0643 \u202egnorw\u202c"
CONTROL = "\x1b[31m\x07"
PRIVATE_USE = "\ue000\U0010ffff"

NO_MATCH = "String should match pattern"
NO_TEXT = "Input should be a valid string"
NO_INTEGER = "Input should be a valid integer"
NO_NUMBER = "Input should be a valid number"
NO_OBJECT = "Input should be a valid dictionary"
NO_UNICODE = "unable to parse raw data as a unicode string"
UNKNOWN = "Extra inputs are not permitted"
UNKNOWN_QUERY = "unknown query parameter: this path accepts"


def require_refusal(answer: httpx.Response, status: int, field: str, words: str) -> None:
    """Requires a problem with these words about this field; "" = about no field."""
    details = require_problem(answer, status).json()
    if field:
        assert details["detail"] == "the request does not fit the schema"
        assert words in {error["field"]: error["message"] for error in details["errors"]}[field]
    else:
        assert words in details["detail"] and "errors" not in details


class BadId(NamedTuple):
    """A device's id: in the body of its creation if the path has no `{id}`, else in the path."""

    id: object
    path: str = "/v1/devices"
    status: int = 422
    field: str = "body.device_id"
    words: str = NO_MATCH


MESSAGES_OF = "/v1/devices/{id}/messages"
IDS = [
    *map(BadId, ["", ".", "..", "../../etc", "a/b", "a b", "a.b", "é", "a\n", "a\x00", "-" * 65, "%2e%2e"]),
    *map(BadId, [EMOJI, RIGHT_TO_LEFT, "see\0you", CONTROL, PRIVATE_USE, MEGABYTE]),
    *(BadId(id, words=NO_TEXT) for id in (5, ["a"], True)),
    *(
        BadId(id, MESSAGES_OF, 422, "path.device_id", NO_MATCH)
        for id in ("%2e%2e", "a%00", "a%0a", "%ff", "a.b", "-" * 65)
    ),
    *(BadId(id, MESSAGES_OF, 404, "", "Not Found") for id in ("..", "..%2f..", "%2fetc")),
]


@pytest.mark.parametrize("bad", IDS, ids=lambda bad: f"{bad.path} {bad.id!a:.40}")
def test_rejects_an_id_that_is_not_allowed(client: httpx.Client, bad: BadId) -> None:
    in_path = "{id}" in bad.path
    body = {"messages": [{"text": "hello"}]} if in_path else {"device_id": bad.id}
    require_refusal(client.post(bad.path.format(id=bad.id), json=body), bad.status, bad.field, bad.words)


class BadNumber(NamedTuple):
    """A number in the path or in the query, and where and why it is refused."""

    method: str
    path: str
    query: dict[str, str]
    field: str
    words: str


def bad_integers(path: str, largest: int) -> list[BadNumber]:
    words = dict.fromkeys(["", "x", "0x1", "1e400", "nan", "\N{GRINNING FACE}", "1\0"], NO_INTEGER)
    words |= {"-1": "greater than or equal to 1", DIGITS: f"less than or equal to {largest}"}
    return [BadNumber("GET", path, {"limit": number}, "query.limit", reason) for number, reason in words.items()]


def bad_waits(method: str, path: str) -> list[BadNumber]:
    words = dict.fromkeys(["", "x", "0x1", "\N{GRINNING FACE}", "1\0"], NO_NUMBER)
    words |= dict.fromkeys(["1e400", "nan", DIGITS], "less than or equal to 60")
    words |= {"-1": "greater than or equal to 0"}
    return [BadNumber(method, path, {"wait": number}, "query.wait", reason) for number, reason in words.items()]


CURSORS = ["a/", "a/x", "a/-1", f"a/{DIGITS}", "a/1\0", EMOJI, RIGHT_TO_LEFT, "see\0you", CONTROL, PRIVATE_USE]
PATH_NUMBERS = {
    **dict.fromkeys(["x", "1.5", "%F0%9F%98%80", "1%00"], NO_INTEGER),
    **dict.fromkeys(["-1", "0"], "greater than or equal to 1"),
    **dict.fromkeys([str(2**60), DIGITS], "less than or equal to 9007199254740991"),
}
NUMBERS = [
    *bad_integers("/v1/devices", 200),
    *bad_integers("{device}/words", 1000),
    *bad_waits("POST", "{device}/adaptations"),
    *bad_waits("GET", "{device}/adaptations/1"),
    *(BadNumber("GET", "/v1/devices", {"cursor": cursor}, "query.cursor", NO_MATCH) for cursor in CURSORS),
    *(BadNumber("GET", "/v1/devices", {name: SECRET}, "", UNKNOWN_QUERY) for name in (SECRET, EMOJI, "\0")),
    *(
        BadNumber("GET", f"{{device}}/adaptations/{number}", {}, "path.adaptation_id", words)
        for number, words in PATH_NUMBERS.items()
    ),
]


@pytest.mark.parametrize("bad", NUMBERS, ids=lambda bad: f"{bad.method} {bad.path:.40} {bad.query!a:.40}")
def test_rejects_a_query_parameter_that_is_not_allowed(client: httpx.Client, device: str, bad: BadNumber) -> None:
    answer = client.request(bad.method, bad.path.format(device=device), params=bad.query)
    require_refusal(answer, 422, bad.field, bad.words)
    assert client.get(f"{device}/adapter/history").json()["entries"] == []


class BadJson(NamedTuple):
    """A body that is not the JSON object of a prediction, and where and why it is refused."""

    name: str
    body: bytes
    status: int
    field: str
    words: str


NOT_READABLE = "There was an error parsing the body"
JSON_BODIES = [
    BadJson("empty", b"", 422, "body", "Field required"),
    BadJson("cut short", b"{", 422, "", "the body is not valid JSON at character 1: Expecting property name"),
    BadJson("text cut short", b'{"text": "hunter2', 422, "", "the body is not valid JSON at character 9: Unterminated"),
    BadJson(
        "without a comma",
        b'{"context": "hunter2" "k": 3}',
        422,
        "",
        "the body is not valid JSON at character 22: Expecting ',' delimiter",
    ),
    BadJson("not UTF-8", b"\xff\xfe\x00", 400, "", NOT_READABLE),
    BadJson("key is not UTF-8", b'{"\xff\xfe": 1}', 400, "", NOT_READABLE),
    BadJson("deep lists", b"[" * 100_000, 400, "", NOT_READABLE),
    BadJson("deep objects", b'{"a":' * 50_000, 400, "", NOT_READABLE),
    BadJson("unpaired surrogate", b'{"context": "\\ud83d"}', 422, "body.context", NO_UNICODE),
    BadJson("key is an unpaired surrogate", b'{"context": "", "\\ud83d": 1}', 422, "body", NO_UNICODE),
    BadJson("NaN", b"NaN", 422, "body", NO_OBJECT),
    BadJson("list", b"[]", 422, "body", NO_OBJECT),
    BadJson("text", b'"hunter2"', 422, "body", NO_OBJECT),
    BadJson("number", b"1e400", 422, "body", NO_OBJECT),
    BadJson("true", b"true", 422, "body", NO_OBJECT),
    BadJson("unknown key", b'{"colour": "hunter2"}', 422, "body.colour", UNKNOWN),
    BadJson("a megabyte of keys", b"{" + b'"colour": 1, ' * 70_000 + b'"a": 1}', 422, "body.a", UNKNOWN),
]


@pytest.mark.parametrize("bad", JSON_BODIES, ids=lambda bad: bad.name)
def test_rejects_broken_json(client: httpx.Client, device: str, bad: BadJson) -> None:
    header = {"content-type": "application/json"}
    answer = client.post(f"{device}/predictions", content=bad.body, headers=header)
    require_refusal(answer, bad.status, bad.field, bad.words)


class BadHeader(NamedTuple):
    """A header, and why it is refused; `service`: the fixture of the service that gets it."""

    header: str
    value: str
    status: int
    words: str
    method: str = "GET"
    path: str = "/v1/bundles"
    field: str = ""
    service: str = "client"


NO_KEY = "this request needs a valid API key"
OTHER_HOST = "this service does not answer requests for this host name: use localhost or 127.0.0.1"
OUTSIDE = "the header Range is malformed or outside the file"
DOWNLOAD = "/v1/bundles/{model_id}/download"
HEADERS = [
    # A page of another origin can send these types without the browser's permission check.
    *(
        BadHeader("Content-Type", value, 422, NO_OBJECT, "POST", "{device}/predictions", "body")
        for value in ("text/plain", "application/x-www-form-urlencoded")
    ),
    *(
        BadHeader("Host", value, 421, OTHER_HOST)
        for value in ("example.org", "localhost.example.org", "127.0.0.1@example.org", "", "[", "192.168.1.5")
    ),
    BadHeader("Range", "bytes=999999999-", 416, OUTSIDE, path=DOWNLOAD),
    BadHeader("Range", "bytes=x", 400, OUTSIDE, path=DOWNLOAD),
    BadHeader("Range", "lines=1-2", 400, OUTSIDE, path=DOWNLOAD),
    *(
        BadHeader("Authorization", value, 401, NO_KEY, service="with_keys")
        for value in ("", "Bearer", "Bearer tp_wrong", "Basic dHA6", "tp_wrong", "Bearer \xff")
    ),
]


@pytest.fixture(scope="module")
def with_keys(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that needs a key. It has no keys."""
    with serving(tmp_path_factory.mktemp("with-keys"), insecure=False) as client:
        yield client


@pytest.mark.parametrize("bad", HEADERS, ids=lambda bad: f"{bad.header} {bad.value!a}")
def test_rejects_a_header_that_is_not_allowed(
    client: httpx.Client, device: str, bad: BadHeader, request: pytest.FixtureRequest
) -> None:
    service: httpx.Client = request.getfixturevalue(bad.service)
    path = bad.path.format(device=device, model_id=client.get("/healthz").json()["model_id"])
    content = json.dumps({"context": "see you"}) if bad.method == "POST" else None
    headers = {bad.header.encode(): bad.value.encode("latin-1")}
    answer = service.request(bad.method, path, content=content, headers=headers)
    require_refusal(answer, bad.status, bad.field, bad.words)
    assert ("content-range" in answer.headers) is (bad.status == 416)
    assert answer.headers.get("www-authenticate", "").startswith("Bearer") is (bad.status == 401)
