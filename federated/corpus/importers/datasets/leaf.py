"""Reads the JSON of the LEAF benchmark: `{"users": [...], "num_samples": [...], "user_data": {user: {"x", "y"}}}`.

Caldas et al. (2018), LEAF: A Benchmark for Federated Settings, arxiv.org/abs/1812.01097. The texts of a user are in
`x`: strings, rows of a tweet (Sent140), sequences of tokens (Reddit), or windows of 80 characters, each one character
after the one before, whose next characters are in `y` (Shakespeare).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from federated.corpus.importers.inputs.json_document import ITEM, Place, places, values
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import Record, Skipped

NO_TEXT = "sample that is no text"
_USER_DATA = "user_data"
_WINDOW = 80  # characters
_TWEET = 5  # id, date, query, user, text, and what LEAF adds
_SPECIAL_TOKENS = ("<BOS>", "<EOS>", "<PAD>")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n+")
_TWEET_TIME = re.compile(r"\w{3} (\w{3} \d{2} \d\d:\d\d:\d\d) [A-Z]{3,4} (\d{4})")


def recognises(head: str) -> bool:
    """Returns whether a document that begins with `head` has this form."""
    found = places(head)
    if head.lstrip().startswith('{"user_data"'):
        return True
    # The list of users can fill the beginning.
    rest = any(place and place[0] in (_USER_DATA, "num_samples") for place in found)
    return ("users", ITEM) in found and (rest or found == {("users", ITEM)})


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the texts of one user after the other.

    Raises:
        CorpusError: the file cannot be read.
    """
    for place, data in values(source, _is_user, skipped):
        if not _is_user(place):
            continue
        x = data.get("x") if isinstance(data, dict) else None
        y = data.get("y") if isinstance(data, dict) else None
        if not isinstance(x, list):
            skipped(NO_TEXT, f"user {place[-1]}")
        elif isinstance(y, list) and _are_windows(x, y):
            for speech in _joined(x, y):
                for sentence in _SENTENCE_END.split(speech):
                    yield Record(place[-1], None, sentence)
        else:
            for number, sample in enumerate(x, 1):
                text, time = _text(sample)
                if text is None:
                    skipped(NO_TEXT, f"user {place[-1]}, sample {number}")
                else:
                    yield Record(place[-1], time, text)


def _is_user(place: Place) -> bool:
    return len(place) == 2 and place[0] == _USER_DATA


def _are_windows(x: list[Any], y: list[Any]) -> bool:
    windows = len(x) == len(y) and all(isinstance(text, str) and len(text) == _WINDOW for text in x)
    return windows and all(isinstance(character, str) and len(character) == 1 for character in y)


def _joined(windows: list[str], following: list[str]) -> Iterator[str]:
    """Yields the texts that the windows were cut from."""
    text = ""
    for window, character in zip(windows, following, strict=True):
        if text and not text.endswith(window):
            yield text
            text = ""
        text = (text or window) + character
    if text:
        yield text


def _text(sample: object) -> tuple[str | None, datetime | None]:
    if isinstance(sample, str):
        return sample, None
    if not isinstance(sample, list) or not sample:
        return None, None
    if all(isinstance(part, str) for part in sample):
        if len(sample) >= _TWEET and (time := _tweet_time(sample[1])):
            return sample[_TWEET - 1], time
        return _from_tokens(sample), None
    if all(isinstance(part, list) and all(isinstance(token, str) for token in part) for part in sample):
        return _from_tokens([token for part in sample for token in part]), None
    return None, None


def _from_tokens(tokens: list[str]) -> str:
    return " ".join(token for token in tokens if token not in _SPECIAL_TOKENS)


def _tweet_time(value: str) -> datetime | None:
    """Parses the time of a tweet, `Mon Apr 06 22:19:45 PDT 2009`, without its zone."""
    match = _TWEET_TIME.fullmatch(value)
    try:
        return datetime.strptime(f"{match[1]} {match[2]}", "%b %d %H:%M:%S %Y") if match else None
    except ValueError:
        return None
