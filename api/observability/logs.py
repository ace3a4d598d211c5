"""The service's log: one JSON object a line on stderr, each with the id of the request that caused it.

No line holds what was typed: a request's line has its route, not its path; an exception's has where and of
what type it was, not its message, which often quotes what it stumbled over.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from api.observability.request_id import REQUEST_ID

LOG = logging.getLogger("thumbprint.api")


class JsonLines(logging.Formatter):
    """`time`, `level`, `logger`, `message`, `request_id`, what `extra={"fields": …}` adds, and `trace`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": REQUEST_ID.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["trace"] = without_message(record.exc_info[1])
        return json.dumps(line)


def to_stderr(level: str) -> None:
    """Makes this process log so; other libraries' lines from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    LOG.setLevel(level.upper())


def without_message(error: BaseException) -> str:
    """The traceback, causes first, with each exception's type in its message's place."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{without_message(cause)}\nand then\n" if cause is not None else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}{frames}{type(error).__qualname__}"
