from __future__ import annotations

from collections.abc import Iterator

import httpx

from api.http.request_limits import MAX_BODY
from tests.support.api.problems import require_problem


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
