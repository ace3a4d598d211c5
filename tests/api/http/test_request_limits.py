from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from api.http.request_limits import MAX_BODY, is_loopback
from tests.support.api.problems import require_problem


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_recognizes_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.example.org"])
def test_recognizes_other_hosts(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:8000", "LOCALHOST:1"])
def test_an_insecure_service_answers_requests_to_this_machine(client: httpx.Client, host: str) -> None:
    assert client.get("/v1/bundles", headers={"host": host}).status_code == 200


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
