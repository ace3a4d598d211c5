"""The service's log, one JSON object a line on stderr, and its metrics for Prometheus.

No line contains what a user typed, and no label identifies a device. Each line has the id of the request that caused
it. A request is logged by its route, because its path and its body may contain typed text. An exception is logged by
its place and its type, because its message often quotes the value that caused it.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from asgi_correlation_id import CorrelationIdFilter, CorrelationIdMiddleware
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from pythonjsonlogger.json import JsonFormatter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters of one application. Safe to use from several threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "thumbprint_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "thumbprint_request_seconds",
            "From the head of a request to the last byte of its answer.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._adaptations = Counter(
            "thumbprint_adaptations", "Adaptations ended.", ["outcome"], registry=self._registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request; `route` is a template, never a path."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def adapted(self, outcome: str) -> None:
        """Counts an adaptation: kept, not kept or failed."""
        self._adaptations.labels(outcome).inc()

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Adds a value that is read at each scrape."""
        Gauge(f"thumbprint_{name}", meaning, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Returns every metric in Prometheus's text format."""
        return generate_latest(self._registry)


LOG = logging.getLogger("thumbprint.api")
_NAMES = {
    "asctime": "time",
    "levelname": "level",
    "name": "logger",
    "message": "message",
    "correlation_id": "request_id",
    "exc_info": "trace",
}
_WRITTEN = (*_NAMES.values(), "method", "route", "status", "ms")
"""Other keys are left out: another library's `extra` may contain what a user typed."""
_REQUEST_ID_HEADER = "X-Request-ID"
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class JsonLines(JsonFormatter):
    """Formats `time`, `level`, `logger`, `message` and `request_id`, the fields of a request, and `trace`."""

    def __init__(self) -> None:
        super().__init__([name for name in _NAMES if name != "exc_info"], rename_fields=_NAMES)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return "" if ei[1] is None else without_message(ei[1])

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        log_data["level"] = log_data["level"].lower()
        return {key: log_data[key] for key in _WRITTEN if key in log_data}


def log_to_stderr(level: str) -> None:
    """Makes this process log to stderr: the service's messages from `level` on, those of libraries from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    handler.addFilter(CorrelationIdFilter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    LOG.setLevel(level.upper())


def without_message(error: BaseException) -> str:
    """Returns the traceback, causes first, with each exception's type in place of its message."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{without_message(cause)}\nand then\n" if cause is not None else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}{frames}{type(error).__qualname__}"


class RequestId(CorrelationIdMiddleware):
    """ASGI middleware: gives every request an id, which its answer, its log lines and its errors contain.

    A caller's own id is kept if it has 1 to 64 letters, digits, `.`, `_` and `-`. Otherwise the id is 16 hex digits.
    """

    def __init__(self, app: ASGIApp) -> None:
        # A transformer in place of a validator: the library logs a warning for each id that a validator refuses.
        super().__init__(
            app,
            _REQUEST_ID_HEADER,
            update_request_header=False,
            generator=_new_id,
            validator=None,
            transformer=lambda given: given if _PLAIN_ID.fullmatch(given) else _new_id(),
        )


def _new_id() -> str:
    return secrets.token_hex(8)


class AccessLog:
    """ASGI middleware: writes one log line for each request and counts it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 0, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "no route")
        self._metrics.answered(scope["method"], route, status, seconds)
        fields = {
            "method": scope["method"] if scope["method"].isalpha() else "?",
            "route": route,
            "status": status,
            "ms": round(1000 * seconds, 2),
        }
        LOG.info("request", extra=fields)
