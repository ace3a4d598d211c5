from __future__ import annotations

import httpx
import pytest

from api.http.request_limits import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "", "127.0.0.1.example.org"])
def test_hosts_of_others(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:8000", "LOCALHOST:1"])
def test_a_request_for_this_machine_is_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/v1/bundles", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["example.org", "localhost.example.org", "127.0.0.1@example.org", "", "[", "192.168.1.5"]
)
def test_a_page_whose_name_was_bent_to_this_machine_is_not(client: httpx.Client, host: str) -> None:
    answer = client.get("/v1/bundles", headers={"host": host})
    assert answer.status_code == 421 and answer.headers["content-type"] == "application/problem+json"
