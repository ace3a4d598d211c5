"""Reads JSON Lines: `{"user_id": str, "timestamp": ISO 8601 or null, "text": str}`, one message per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from federated.corpus.importers.input_streams import DAMAGED_DATA, decompress
from federated.corpus.schema import CorpusError, Record, Skipped

PROFILES_NAME = "users.jsonl"


def read(path: Path, skipped: Skipped) -> Iterator[Record]:
    """Yields the messages of a `.jsonl` or `.jsonl.gz` file, in its order.

    Broken UTF-8 is replaced. An unusable line is skipped, and reported with its number.

    Raises:
        CorpusError: the file cannot be read, or its compressed data is truncated (the message says after which line).
    """
    for number, line in _lines(path):
        try:
            yield _record(line)
        except _UnusableLine as reason:
            skipped(f"line {number}: {reason}")


def read_profiles(path: Path, skipped: Skipped) -> dict[str, dict[str, str | None]]:
    """Reads the attributes of users from the file `users.jsonl` beside the source, if there is one."""
    profiles_path = path.with_name(PROFILES_NAME)
    profiles: dict[str, dict[str, str | None]] = {}
    if not profiles_path.exists():
        return profiles
    for number, line in _lines(profiles_path):
        try:
            user_id, profile = _profile(line)
            profiles[user_id] = profile
        except _UnusableLine as reason:
            skipped(f"{PROFILES_NAME} line {number}: {reason}")
    return profiles


class _UnusableLine(Exception):
    pass


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    with decompress(path) as stream:
        try:
            for number, raw in enumerate(stream, 1):
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8", errors="replace")
                if line.strip():
                    yield number, line
        except DAMAGED_DATA as error:
            message = f"{path}: the compressed data ends or is damaged after line {number} ({error})"
            raise CorpusError(f"{message}: download the file again") from error


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _UnusableLine(f"not valid JSON ({error})") from error
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
        raise _UnusableLine(f"timestamp {value!r} is neither ISO 8601 nor null") from error


def _profile(line: str) -> tuple[str, dict[str, str | None]]:
    value = _object(line)
    user_id = value.pop("user_id")
    if not all(attribute is None or isinstance(attribute, str) for attribute in value.values()):
        raise _UnusableLine("an attribute is neither a string nor null")
    return user_id, value
