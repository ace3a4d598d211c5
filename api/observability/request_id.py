"""Every request has an id: it is in the answer, in each log line that the request causes, and in each error."""

from __future__ import annotations

import re
import secrets

from asgi_correlation_id import CorrelationIdMiddleware
from starlette.types import ASGIApp

HEADER = "X-Request-ID"
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestId(CorrelationIdMiddleware):
    """ASGI middleware: keeps a caller's id of 1 to 64 letters, digits, `.`, `_` and `-`; else it makes a new one."""

    def __init__(self, app: ASGIApp) -> None:
        # A transformer in place of a validator: the library logs a warning for each id that a validator refuses.
        super().__init__(
            app, HEADER, update_request_header=False, generator=_new, validator=None, transformer=_plain_or_new
        )


def _new() -> str:
    return secrets.token_hex(8)


def _plain_or_new(given: str) -> str:
    return given if _PLAIN.fullmatch(given) else _new()
