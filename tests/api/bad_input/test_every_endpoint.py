"""Unknown devices, wrong keys, unknown query parameters and bodies of the wrong type, at every endpoint."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.api.endpoints import EVERY, GUARDED, OF_A_DEVICE, Endpoint
from tests.support.api.problems import SECRET, require_problem
from tests.support.api.serving import Serving

each = pytest.mark.parametrize("endpoint", EVERY, ids=str)
each_that_needs_a_key = pytest.mark.parametrize("endpoint", GUARDED, ids=str)
each_of_a_device = pytest.mark.parametrize("endpoint", OF_A_DEVICE, ids=str)


@pytest.fixture(scope="module")
def with_keys(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that needs a key. It has no keys."""
    with serving(tmp_path_factory.mktemp("with-keys"), insecure=False) as client:
        yield client


def test_the_list_of_endpoints_is_complete(client: httpx.Client) -> None:
    described = client.get("/v1/openapi.json").json()["paths"]
    listed = {(method.upper(), path) for path, methods in described.items() for method in methods}
    assert listed == {(endpoint.method, endpoint.path) for endpoint in EVERY}


@each_of_a_device
@pytest.mark.parametrize("device_id", ["unknown", "-" * 64])
def test_answers_404_for_an_unknown_device(client: httpx.Client, endpoint: Endpoint, device_id: str) -> None:
    require_problem(endpoint.call(client, device_id), 404)


@each_of_a_device
@pytest.mark.parametrize("device_id", ["a.b", "a%00b", "%F0%9F%98%80", "%D8%A3", "%ff", "a" * 65, "a" * 60_000])
def test_rejects_an_id_that_is_not_allowed(client: httpx.Client, endpoint: Endpoint, device_id: str) -> None:
    answer = endpoint.call(client, device_id)
    if len(device_id) < 60_000 or answer.status_code == 422:  # the server's own limit for a line can come first
        require_problem(answer, 404, 422)
    else:
        assert answer.status_code in (400, 414)


WRONG_KEYS = ["tp_wrong", "x" * 10_000, "tp_\xff\xfe", "Bearer tp_wrong", "tp_" + "0" * 43]


@each_that_needs_a_key
def test_rejects_a_wrong_key(with_keys: httpx.Client, endpoint: Endpoint) -> None:
    for key in WRONG_KEYS:
        answer = endpoint.call(with_keys, headers={b"Authorization": f"Bearer {key}".encode("latin-1")})
        assert require_problem(answer, 401).headers["www-authenticate"].startswith("Bearer")


@each
def test_rejects_an_unknown_query_parameter(client: httpx.Client, device: str, endpoint: Endpoint) -> None:
    for name in (SECRET, "\N{GRINNING FACE}", "\0"):
        require_problem(endpoint.call(client, device.rpartition("/")[2], params={name: SECRET * 1000}), 422)


WITH_JSON = [endpoint for endpoint in EVERY if isinstance(endpoint.body, dict)]
BAD_BODIES: dict[str, bytes] = {
    "list": b"[]",
    "text": b'"hunter2"',
    "number": b"1e400",
    "true": b"true",
    "cut short": b'{"text": "hunter2',
    "deep": b'{"a":' * 50_000,
    "not UTF-8": b'{"\xff\xfe": 1}',
    "unpaired surrogate": b'{"\\ud83d": 1}',
    "unknown key": b'{"colour": "hunter2"}',
    "a megabyte as a key": b'{"' + b"colour" * 150_000 + b'": 1}',
    "a megabyte of keys": b"{" + b'"colour": 1, ' * 70_000 + b'"a": 1}',
}


@pytest.mark.parametrize("endpoint", WITH_JSON, ids=str)
def test_rejects_a_body_of_the_wrong_type(client: httpx.Client, device: str, endpoint: Endpoint) -> None:
    header = {"content-type": "application/json"}
    for body in BAD_BODIES.values():
        answer = endpoint.call(client, device.rpartition("/")[2], content=body, headers=header)
        require_problem(answer, 400, 422)
    shown = client.get(device).json()
    assert (shown["messages"], shown["incognito"]) == (0, False)


def test_rejects_a_megabyte_as_an_adapter(client: httpx.Client, device: str) -> None:
    require_problem(client.put(f"{device}/adapter", content=SECRET.encode() * 150_000), 422)
    assert client.get(device).json()["personal"] is False
