"""The service's log: one JSON object per line on stderr, each with the id of the request that caused it.

No line contains what a user typed: a request is logged by its route, not by its path, and an exception by its place
and its type, not by its message, because a message often quotes the value that caused it.
"""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from asgi_correlation_id import CorrelationIdFilter
from pythonjsonlogger.json import JsonFormatter

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


def to_stderr(level: str) -> None:
    """Makes this process log in this form; other libraries log from warnings on."""
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
