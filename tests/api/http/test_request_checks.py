"""Requests for another host, changes that another site asks for, and bodies that are too large."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.auth.api_keys import ApiKeys
from api.client import Client
from api.http.request_checks import MAX_BODY, SameOriginOnly, is_loopback
from api.schemas.base import KeyScope
from api.storage.data_folder import ServeError
from api.storage.schema import open_database
from tests.support.api.endpoints import CHANGES, CREATE, OF_THE_SERVICE, OPEN, READS, Endpoint
from tests.support.api.problems import require_problem
from tests.support.api.serving import Serving

CHANGE_METHODS = ("POST", "PUT", "PATCH", "DELETE", "POSTS")
READ_METHODS = ("GET", "HEAD", "OPTIONS")
SERVICE = "127.0.0.1:8000"
PROXY = "keyboard.example.org"
Headers = list[tuple[str, str]]


async def _ok(scope: Scope, receive: Receive, send: Send) -> None:
    await Response()(scope, receive, send)


def status(
    method: str,
    headers: Headers,
    allowed: Iterable[str] = (),
    server: tuple[str, int | None] | None = ("127.0.0.1", 8000),
) -> int:
    """Returns the status of the answer to a request with exactly these headers."""
    sent: list[int] = []

    async def send(message: object) -> None:
        if isinstance(message, dict) and message["type"] == "http.response.start":
            sent.append(message["status"])

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": "http", "method": method, "path": "/v1/devices", "headers": raw, "server": server}
    asyncio.run(SameOriginOnly(_ok, allowed)(scope, receive, send))  # type: ignore[arg-type]
    return sent[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_recognizes_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.example.org"])
def test_recognizes_other_hosts(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "sent",
    [
        [("Origin", "https://attacker.example")],
        [("Origin", "null")],
        [("Origin", "")],
        [("Origin", "file://")],
        [("Origin", "chrome-extension://127.0.0.1:8000")],
        [("Origin", "http://127.0.0.1")],
        [("Origin", "http://127.0.0.1:8001")],
        [("Origin", "http://127.0.0.1:80000")],
        [("Origin", "http://localhost:8000")],
        [("Origin", "http://127.0.0.1:8000.attacker.example")],
        [("Origin", "http://attacker.example/127.0.0.1:8000")],
        [("Origin", "http://127.0.0.1:8000@attacker.example")],
        [("Origin", "http://127.0.0.1:8000 https://attacker.example")],
        [("Origin", "http://127.0.0.1:8000"), ("Origin", "https://attacker.example")],
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Sec-Fetch-Site", "same-site"), ("Origin", "http://127.0.0.1:8000")],
        [("Sec-Fetch-Site", "")],
        [("Sec-Fetch-Site", "anything new")],
        [("Sec-Fetch-Site", "same-origin"), ("Origin", "https://attacker.example")],
        [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "none"), ("Origin", "null")],
    ],
    ids=str,
)
def test_a_change_from_another_site_is_refused_and_a_read_is_not(sent: Headers) -> None:
    headers = [("Host", SERVICE), *sent]
    assert {method: status(method, headers) for method in CHANGE_METHODS} == dict.fromkeys(CHANGE_METHODS, 403)
    assert {method: status(method, headers) for method in READ_METHODS} == dict.fromkeys(READ_METHODS, 200)


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [("Origin", f"http://{SERVICE}")],
        [("Origin", f"HTTP://{SERVICE}"), ("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "none")],
    ],
    ids=str,
)
def test_a_program_and_the_service_own_page_can_change_things(sent: Headers) -> None:
    assert {status(method, [("Host", SERVICE), *sent]) for method in CHANGE_METHODS} == {200}


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "localhost.attacker.example",
        "attacker.example:8000",
        "127.0.0.1@attacker.example",
        "attacker.example@127.0.0.1",
        "127.0.0.1:8000/",
        "0.0.0.0:8000",
        "192.168.1.5:8000",
        "2130706433",
        "127.1",
        "[::1",
        "::1",
        "",
        " ",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE"])
def test_a_request_for_another_host_is_refused(host: str, method: str) -> None:
    assert status(method, [("Host", host)]) == 421


@pytest.mark.parametrize("headers", [[], [("Host", SERVICE), ("Host", "attacker.example")]], ids=["none", "two"])
def test_a_request_needs_exactly_one_host(headers: Headers) -> None:
    assert status("GET", headers) == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:8000", "LOCALHOST:1", "127.0.0.9"])
def test_the_loopback_names_are_the_services_own(host: str) -> None:
    assert status("POST", [("Host", host), ("Origin", f"http://{host}")]) == 200


@pytest.mark.parametrize(("address", "host"), [("192.168.1.5", "192.168.1.5:8000"), ("fd00::5", "[FD00::5]:8000")])
def test_the_address_at_which_a_connection_arrived_is_the_services_own(address: str, host: str) -> None:
    assert status("POST", [("Host", host), ("Origin", f"http://{host}")], server=(address, 8000)) == 200
    assert status("POST", [("Host", host)], server=("10.0.0.1", 8000)) == 421
    assert status("GET", [("Host", "attacker.example")], server=("attacker.example", 80)) == 421
    assert status("GET", [("Host", host)], server=None) == 421


@pytest.mark.parametrize(
    ("allowed", "host", "origin", "expected"),
    [
        # A proxy that passes the name on, and one that does not.
        (PROXY, PROXY, f"https://{PROXY}", 200),
        (PROXY, SERVICE, f"https://{PROXY}", 200),
        (PROXY.upper(), SERVICE, f"https://{PROXY}", 200),
        (PROXY, f"{PROXY}:8443", f"https://{PROXY}:8443", 200),
        (f"{PROXY}:8443", SERVICE, f"https://{PROXY}:8443", 200),
        (PROXY, PROXY, "https://attacker.example", 403),
        (PROXY, SERVICE, f"https://{PROXY}:8443", 403),
        (f"{PROXY}:8443", SERVICE, f"https://{PROXY}", 403),
        (PROXY, SERVICE, f"https://other.{PROXY}", 403),
        (PROXY, PROXY, f"https://{PROXY}:3000", 403),
        (PROXY, f"other.{PROXY}", f"https://other.{PROXY}", 421),
        ("192.168.1.5", "192.168.1.5:8000", "http://192.168.1.5:8000", 200),
        ("[fd00::5]", "[fd00::5]", "https://[fd00::5]", 200),
    ],
)
def test_a_declared_host_of_a_proxy_is_the_services_own(allowed: str, host: str, origin: str, expected: int) -> None:
    assert status("POST", [("Host", host), ("Origin", origin)], [allowed]) == expected


@pytest.mark.parametrize(
    "host", ["", "https://keyboard.example.org", "keyboard.example.org/", "*", "a b", "::1", "a:b"]
)
def test_a_malformed_allowed_host_is_refused(host: str) -> None:
    with pytest.raises(ServeError, match="is not a host: write its name or address"):
        SameOriginOnly(_ok, [host])


FOREIGN = (
    {"Origin": "https://attacker.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-site"},
)


@pytest.fixture(scope="module", params=[True, False], ids=["insecure", "with keys"])
def service(
    request: pytest.FixtureRequest, serving: Serving, tmp_path_factory: pytest.TempPathFactory
) -> Iterable[httpx.Client]:
    """A service with the device `phone`. The client sends a key if the service needs one."""
    data = tmp_path_factory.mktemp("service")
    with serving(data, insecure=request.param) as client:
        if not request.param:
            database = open_database(data / "devices.sqlite", to_serve=False)
            _, secret = ApiKeys(database).create("me", KeyScope.ADMIN)
            database.close()
            client.headers["Authorization"] = f"Bearer {secret}"
        assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 201
        yield client


@pytest.mark.parametrize("endpoint", [CREATE, *CHANGES], ids=str)
def test_no_page_of_another_site_changes_anything(service: httpx.Client, endpoint: Endpoint) -> None:
    before = service.get("/v1/devices/phone/export").json()
    for headers in FOREIGN:
        require_problem(endpoint.call(service, "phone", headers=headers), 403)
        require_problem(endpoint.call(service, "phone", headers=headers, content=b""), 403)
    assert service.get("/v1/devices/phone/export").json() == before


@pytest.mark.parametrize("endpoint", [*OPEN, *OF_THE_SERVICE, CREATE, *READS, *CHANGES], ids=str)
def test_no_endpoint_answers_under_another_host_name(service: httpx.Client, endpoint: Endpoint) -> None:
    require_problem(endpoint.call(service, "phone", headers={"Host": "attacker.example"}), 421)


def test_the_page_the_client_and_other_programs_can_change_things(service: httpx.Client) -> None:
    own = {"Origin": str(service.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    for headers in ({}, own):
        assert service.post("/v1/devices/phone/adapter/rollback", headers=headers).status_code == 200
    key = service.headers.get("Authorization", "").removeprefix("Bearer ") or None
    with Client(str(service.base_url), key) as client:
        assert client.observe("phone", ["meet me at the station"]) == 1


def test_the_allowed_hosts_of_an_application_are_checked_first(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    from api.app import create_app

    with pytest.raises(ServeError, match="is not a host"):
        create_app(tiny_bundle, tiny_public_key, tmp_path / "data", allowed_hosts=["https://keyboard.example.org"])
    assert not list(tmp_path.iterdir())


def _in_chunks(size: int) -> Iterator[bytes]:
    yield b'{"messages": ['
    for _ in range(size // 65_536):
        yield b" " * 65_536


def test_rejects_a_body_that_is_too_large_with_and_without_its_length(client: httpx.Client, device: str) -> None:
    header = {"content-type": "application/json"}
    for size in (MAX_BODY + 1, 2 * MAX_BODY):
        require_problem(client.post(f"{device}/messages", content=b" " * size, headers=header), 413)
        require_problem(client.post(f"{device}/messages", content=_in_chunks(size + 65_536), headers=header), 413)
    assert client.get("/healthz").status_code == 200
