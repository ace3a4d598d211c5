"""Reads large JSON documents value by value, without holding the whole document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from io import StringIO
from typing import Any, TextIO

from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import Skipped

BROKEN_JSON = "broken JSON: what follows is lost"
Place = tuple[str, ...]
"""Where a value is in a document: the keys that lead to it, with `ITEM` for each array."""
ITEM = "[]"
_CHUNK = 1 << 16  # characters
_LARGEST_VALUE = 64 << 20  # characters
_DEEPEST = 50
_DECODER = json.JSONDecoder(strict=False)  # a control character in a string is no reason to lose it


class _BrokenJsonError(Exception):
    pass


def values(source: Source, wanted: Callable[[Place], bool], skipped: Skipped) -> Iterator[tuple[Place, Any]]:
    """Yields the place and the content of each value that is `wanted`, in the order of the document.

    Values that are neither objects nor arrays are yielded even if not wanted. A broken or missing end ends the
    document: what comes before it is yielded, the loss is counted.

    Args:
        source: The document.
        wanted: Returns whether the value at a place is to be read as a whole. Such a value is held in memory, and may
            have 64 million characters.
        skipped: Told of a broken document.
    """
    count = 0
    with source.text(skipped) as text:
        try:
            for place, value in _walk(_Reader(text), (), wanted):
                count += 1
                yield place, value
        except _BrokenJsonError as error:
            skipped(BROKEN_JSON, f"{source}, after {count:,} values: {error}")


@lru_cache(maxsize=4)
def places(head: str) -> frozenset[Place]:
    """Returns the places of the values in the beginning of a JSON document; none if it is no JSON.

    >>> sorted(places('{"users": ["a", "b"], "user_data": {"a": {"x": ["hel'))
    [('users', '[]')]
    """
    found = set()
    if head.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        try:
            for place, _ in _walk(_Reader(StringIO(head)), (), lambda place: False):
                found.add(place)
        except _BrokenJsonError:
            pass
    return frozenset(found)


def is_document(head: str) -> bool:
    """Returns whether `head` begins a JSON document rather than JSON Lines, which have a whole object in each line.

    >>> is_document('{"messages": [{"text": "hello"}]}'), is_document('{"text": "hello"}')
    (True, False)
    """
    start = head.lstrip("\ufeff \t\r\n")
    if not start.startswith("{"):
        return start.startswith("[") and start[1:].lstrip()[:1] in ("{", "[", '"', "]")
    line, _, rest = start.partition("\n")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        # Formatted over several lines, or one line that is longer than the head.
        return rest.lstrip()[:1] in ('"', "}", "]") or any(len(place) > 1 for place in places(head) if not rest)
    nested = any(isinstance(part, dict | list) for part in value.values()) if isinstance(value, dict) else False
    return nested and not rest.strip()


class _Reader:
    """A window into a text that holds at least the next value."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._window = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """Returns the next character that is no white space, or "" at the end."""
        while True:
            while self._at < len(self._window):
                if self._window[self._at] not in " \t\r\n\ufeff":
                    return self._window[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._more(_CHUNK)

    def take(self) -> str:
        found = self.peek()
        self._at += 1
        return found

    def value(self) -> Any:
        if not self.peek():
            raise _BrokenJsonError("the end is missing")
        while True:
            size = len(self._window) - self._at
            try:
                value, end = _DECODER.raw_decode(self._window, self._at)
            except (ValueError, RecursionError) as error:
                if self._ended:
                    raise _BrokenJsonError(str(error).partition(":")[0]) from error
            else:
                if end < len(self._window) or self._ended:  # a number at the end of the window can go on
                    self._at = end
                    return value
            if size > _LARGEST_VALUE:
                raise _BrokenJsonError(f"a value has more than {_LARGEST_VALUE >> 20} million characters")
            self._more(max(_CHUNK, size))

    def _more(self, size: int) -> None:
        chunk = self._text.read(size)
        self._ended = not chunk
        self._window = self._window[self._at :] + chunk
        self._at = 0


def _walk(reader: _Reader, place: Place, wanted: Callable[[Place], bool]) -> Iterator[tuple[Place, Any]]:
    opening = reader.peek()
    if opening not in ("{", "[") or wanted(place):
        yield place, reader.value()
        return
    if len(place) > _DEEPEST:
        raise _BrokenJsonError(f"it is nested more than {_DEEPEST} levels")
    reader.take()
    closing = "}" if opening == "{" else "]"
    if reader.peek() == closing:
        reader.take()
        return
    while True:
        key = ITEM
        if opening == "{":
            key = reader.value()
            if not isinstance(key, str) or reader.take() != ":":
                raise _BrokenJsonError("a name of a value is missing")
        yield from _walk(reader, (*place, key), wanted)
        mark = reader.take()
        if mark == closing:
            return
        if mark != ",":
            raise _BrokenJsonError("the end is missing" if not mark else "a comma is missing")
