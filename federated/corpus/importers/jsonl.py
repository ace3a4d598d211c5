"""Reads JSON Lines: `{"user_id": str, "timestamp": ISO 8601 or null, "text": str}`, one message per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from federated.corpus.importers.inputs.json_document import is_document
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError, Record, Skipped

PROFILES_NAME = "users.jsonl"
WHAT_IS_READ = (
    "of documents, the exports of Telegram, Google Chat, Hangouts, Signal and LEAF are read; write others one object a "
    'line, {"user_id": "...", "timestamp": "..." or null, "text": "..."}'
)

_decode = json.JSONDecoder().decode  # `json.loads` looks at its options for each line


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages of a `.jsonl` or `.jsonl.gz` file, in its order.

    An unusable line is skipped, and reported with its number.

    Raises:
        CorpusError: the file cannot be read, or is a JSON document of another form.
    """
    if is_document(source.text_head):
        raise CorpusError(f"{source} is a JSON document, not JSON Lines: {WHAT_IS_READ}")
    for number, line in source.lines(skipped):
        if not line.strip():
            continue
        try:
            yield _record(line)
        except _UnusableLine as unusable:
            skipped(unusable.reason, f"line {number}{unusable.detail}")


def read_profiles(source: Source, skipped: Skipped) -> dict[str, dict[str, str | None]]:
    """Reads the attributes of users from the file `users.jsonl` beside the source, if there is one."""
    profiles_path = source.path.with_name(PROFILES_NAME)
    profiles: dict[str, dict[str, str | None]] = {}
    if not profiles_path.exists():
        return profiles
    for number, line in Source(profiles_path).lines(skipped):
        if not line.strip():
            continue
        try:
            user_id, profile = _profile(line)
            profiles[user_id] = profile
        except _UnusableLine as unusable:
            skipped(unusable.reason, f"{PROFILES_NAME} line {number}{unusable.detail}")
    return profiles


class _UnusableLine(Exception):
    """A line that is no record. `detail` adds to the line's number."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = f": {detail}" if detail else ""


def _object(line: str) -> dict[str, Any]:
    try:
        value = _decode(line)
    except (ValueError, RecursionError) as error:
        raise _UnusableLine("not valid JSON", str(error)) from error
    if not isinstance(value, dict):
        raise _UnusableLine("not a JSON object")
    user_id = value.get("user_id")
    if not isinstance(user_id, str) or not user_id.strip():
        raise _UnusableLine("user_id is missing or not a string")
    return value


def _record(line: str) -> Record:
    value = _object(line)
    if not isinstance(value.get("text"), str):
        raise _UnusableLine("text is missing or not a string")
    if "timestamp" not in value:
        raise _UnusableLine("timestamp is missing (null if unknown)")
    return Record(value["user_id"], _timestamp(value["timestamp"]), value["text"])


def _timestamp(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value)  # type: ignore[arg-type]  # other types are caught below
    except (TypeError, ValueError) as error:
        raise _UnusableLine("timestamp is neither ISO 8601 nor null", repr(value)) from error


def _profile(line: str) -> tuple[str, dict[str, str | None]]:
    value = _object(line)
    user_id = value.pop("user_id")
    if not all(attribute is None or isinstance(attribute, str) for attribute in value.values()):
        raise _UnusableLine("an attribute is neither a string nor null")
    return user_id, value
