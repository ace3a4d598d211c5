"""What every error of the service must be: a problem (RFC 9457) that does not repeat what was sent."""

from __future__ import annotations

import httpx

SECRET = "hunter2"
"""Tests send this word where a value is refused. No answer may repeat it."""


def require_problem(answer: httpx.Response, *statuses: int) -> httpx.Response:
    """Requires that the answer is a problem with one of these statuses. Returns it."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    details = answer.json()
    assert details["status"] == answer.status_code and details["type"] == "about:blank"
    assert details["title"] and details["detail"]
    assert SECRET not in answer.text and len(answer.content) < 10_000
    return answer
