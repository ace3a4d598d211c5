"""Request bodies that do not fit the schema: each is refused as a whole, and the answer says where and why."""

from __future__ import annotations

from typing import NamedTuple

import httpx
import pytest

from api.schemas.base import MAX_MESSAGES, MAX_TEXT
from tests.support.api.problems import SECRET, require_problem

MEGABYTE = SECRET * 150_000

WORD = "a word has letters, digits and apostrophes"
TIME = "a time is a string in ISO 8601, such as 2024-05-01T18:30:00+08:00"
NO_TIME = "not a time in ISO 8601, such as 2024-05-01T18:30:00+08:00"
NO_OBJECT = "Input should be a valid dictionary"
NO_LIST = "Input should be a valid list"
NO_TEXT = "Input should be a valid string"
NO_INTEGER = "Input should be a valid integer"
NO_BOOLEAN = "Input should be a valid boolean"
MISSING = "Field required"
LONG_TEXT = "String should have at most 20000 characters"
LONG_WORD = "String should have at most 64 characters"
BELOW_0 = "Input should be greater than or equal to 0"
BELOW_1 = "Input should be greater than or equal to 1"
ABOVE_10 = "Input should be less than or equal to 10"
UNKNOWN = "Extra inputs are not permitted"


class Refusal(NamedTuple):
    """A body, and where and why it is refused; `field` is empty where the answer names none."""

    method: str
    path: str
    body: object
    field: str
    words: str


MESSAGES = [
    Refusal("POST", "/messages", {"messages": SECRET}, "body.messages", NO_LIST),
    Refusal("POST", "/messages", {"messages": [SECRET]}, "body.messages.0", NO_OBJECT),
    Refusal("POST", "/messages", {"messages": [{"text": 5}]}, "body.messages.0.text", NO_TEXT),
    Refusal("POST", "/messages", {"messages": [{"text": None}]}, "body.messages.0.text", NO_TEXT),
    Refusal("POST", "/messages", {"messages": [{}]}, "body.messages.0.text", MISSING),
    Refusal("POST", "/messages", {"messages": [{"text": SECRET, "colour": SECRET}]}, "body.messages.0.colour", UNKNOWN),
    Refusal("POST", "/messages", {"messages": [], "user": SECRET}, "body.user", UNKNOWN),
    Refusal("POST", "/messages", {"messages": [{"text": SECRET * MAX_TEXT}]}, "body.messages.0.text", LONG_TEXT),
    Refusal(
        "POST",
        "/messages",
        {"messages": [{"text": SECRET}] * (MAX_MESSAGES + 1)},
        "body.messages",
        "List should have at most 1000 items after validation, not 1001",
    ),
    Refusal(
        "POST", "/messages", {"messages": [{"text": SECRET, "timestamp": SECRET}]}, "body.messages.0.timestamp", NO_TIME
    ),
    Refusal(
        "POST",
        "/messages",
        {"messages": [{"text": SECRET, "timestamp": 1714500000}]},
        "body.messages.0.timestamp",
        TIME,
    ),
    Refusal(
        "POST",
        "/messages",
        {"messages": [{"text": SECRET, "timestamp": "2024-02-31T00:00:00Z"}]},
        "body.messages.0.timestamp",
        NO_TIME,
    ),
    Refusal("POST", "/messages", [SECRET], "body", NO_OBJECT),
    Refusal("POST", "/messages", None, "body", MISSING),
]
PREDICTIONS = [
    Refusal("POST", "/predictions", {"context": None}, "body.context", NO_TEXT),
    Refusal("POST", "/predictions", {"context": "a" * (MAX_TEXT + 1)}, "body.context", LONG_TEXT),
    Refusal("POST", "/predictions", {"context": "see you", "prefix": "a" * 65}, "body.prefix", LONG_WORD),
    Refusal("POST", "/predictions", {"context": "see you", "k": 0}, "body.k", BELOW_1),
    Refusal("POST", "/predictions", {"context": "see you", "k": 11}, "body.k", ABOVE_10),
    Refusal("POST", "/predictions", {"context": "see you", "k": "3"}, "body.k", NO_INTEGER),
    Refusal("POST", "/predictions", {"context": "see you", "k": 2.5}, "body.k", NO_INTEGER),
    Refusal("POST", "/predictions", {"context": "see you", "k": True}, "body.k", NO_INTEGER),
    Refusal("POST", "/predictions", {"context": "see you", "k": 10**30}, "body.k", ABOVE_10),
    Refusal("POST", "/predictions", {"context": "see you", "k": -1}, "body.k", BELOW_1),
    Refusal("POST", "/predictions", {"context": "see you", "k": "1"}, "body.k", NO_INTEGER),
    Refusal("POST", "/predictions", {"context": "see you", "k": [3]}, "body.k", NO_INTEGER),
    Refusal("POST", "/predictions", {"context": "see you", "personal": "yes"}, "body.personal", NO_BOOLEAN),
    Refusal("POST", "/predictions", {"context": "see you", "temperature": 1}, "body.temperature", UNKNOWN),
    Refusal(
        "POST",
        "/predictions/batch",
        {"requests": []},
        "body.requests",
        "List should have at least 1 item after validation, not 0",
    ),
    Refusal("POST", "/predictions/batch", {"requests": {}}, "body.requests", NO_LIST),
    Refusal("POST", "/predictions/batch", {"requests": [[]]}, "body.requests.0", NO_OBJECT),
    Refusal("POST", "/predictions/batch", {"requests": [None]}, "body.requests.0", NO_OBJECT),
    Refusal("POST", "/predictions/batch", {"requests": [{}]}, "body.requests.0.context", MISSING),
    Refusal("POST", "/predictions/batch", {"requests": [{"context": 1}]}, "body.requests.0.context", NO_TEXT),
    Refusal(
        "POST",
        "/predictions/batch",
        {"requests": [{"context": "see"}] * 101},
        "body.requests",
        "List should have at most 100 items after validation, not 101",
    ),
]
SETTINGS_AND_RIGHTS = [
    Refusal("PATCH", "", {}, "body.incognito", MISSING),
    Refusal("PATCH", "", {"incognito": "yes"}, "body.incognito", NO_BOOLEAN),
    Refusal("PATCH", "", {"incognito": 1}, "body.incognito", NO_BOOLEAN),
    Refusal("PATCH", "", {"incognito": [True]}, "body.incognito", NO_BOOLEAN),
    Refusal("PATCH", "", {"incognito": None}, "body.incognito", NO_BOOLEAN),
    Refusal("POST", "/adapter/rollback", {"to": "1"}, "body.to", NO_INTEGER),
    Refusal("POST", "/adapter/rollback", {"to": -1}, "body.to", BELOW_0),
    Refusal("POST", "/adapter/rollback", {"to": 1.5}, "body.to", NO_INTEGER),
    Refusal("POST", "/adapter/rollback", {"to": True}, "body.to", NO_INTEGER),
    Refusal(
        "POST", "/adapter/rollback", {"to": 10**30}, "body.to", "Input should be less than or equal to 9007199254740991"
    ),
    Refusal("POST", "/adapter/rollback", {"to": [0]}, "body.to", NO_INTEGER),
    Refusal("POST", "/forget", {"what": "since", "since": 0}, "body.since.since", TIME),
    Refusal("POST", "/forget", {"what": "since", "since": "24:61"}, "body.since.since", NO_TIME),
    Refusal("POST", "/forget", {"what": "since", "since": "0000-01-01"}, "body.since.since", NO_TIME),
    Refusal("POST", "/forget", {"what": "since", "since": []}, "body.since.since", TIME),
    Refusal("POST", "/forget", {"what": "since", "since": ""}, "body.since.since", NO_TIME),
    Refusal("POST", "/forget", {"what": "word", "word": 5}, "body.word.word", NO_TEXT),
    Refusal("POST", "/forget", {"what": "word", "word": None}, "body.word.word", NO_TEXT),
    Refusal("POST", "/forget", {"what": "word", "word": ["a"]}, "body.word.word", NO_TEXT),
    Refusal("POST", "/forget", {"what": "word", "word": "two words"}, "", WORD),
    Refusal("POST", "/forget", {"what": "word", "word": "?"}, "", WORD),
    Refusal("PUT", "/blocked-words", {"words": 5}, "body.words", NO_LIST),
    Refusal("PUT", "/blocked-words", {"words": ["two words"]}, "", WORD),
    Refusal("PUT", "/blocked-words", {"words": ["?"]}, "", WORD),
    Refusal("PUT", "/blocked-words", {"words": [""]}, "body.words.0", "String should have at least 1 character"),
    Refusal("PUT", "/blocked-words", {"words": ["a" * 65]}, "body.words.0", LONG_WORD),
    Refusal("PUT", "/blocked-words", {"words": [None]}, "body.words.0", NO_TEXT),
    Refusal(
        "PUT",
        "/blocked-words",
        {"words": ["word"] * 10_001},
        "body.words",
        "List should have at most 10000 items after validation, not 10001",
    ),
]
MEGABYTES = [
    Refusal("POST", "/messages", {"messages": [{"text": MEGABYTE}]}, "body.messages.0.text", LONG_TEXT),
    Refusal(
        "POST", "/messages", {"messages": [{"text": "see you"}, {"text": MEGABYTE}]}, "body.messages.1.text", LONG_TEXT
    ),
    Refusal("POST", "/predictions", {"context": MEGABYTE}, "body.context", LONG_TEXT),
    Refusal("POST", "/predictions", {"context": "see", "prefix": MEGABYTE}, "body.prefix", LONG_WORD),
    Refusal(
        "POST",
        "/predictions/batch",
        {"requests": [{"context": "see"}, {"context": MEGABYTE}]},
        "body.requests.1.context",
        LONG_TEXT,
    ),
    Refusal("POST", "/forget", {"what": "word", "word": MEGABYTE}, "body.word.word", LONG_WORD),
    Refusal("POST", "/forget", {"what": "since", "since": MEGABYTE}, "body.since.since", NO_TIME),
    Refusal("POST", "/forget", {"what": MEGABYTE}, "body", "Input should be one of 'word', 'since', 'all'"),
    Refusal("POST", "/adapter/rollback", {"to": MEGABYTE}, "body.to", NO_INTEGER),
    Refusal("PATCH", "", {"incognito": MEGABYTE}, "body.incognito", NO_BOOLEAN),
    Refusal("PUT", "/blocked-words", {"words": [MEGABYTE]}, "body.words.0", LONG_WORD),
]


@pytest.mark.parametrize(
    "refusal",
    [*MESSAGES, *PREDICTIONS, *SETTINGS_AND_RIGHTS, *MEGABYTES],
    ids=lambda refusal: f"{refusal.method} {refusal.path} {refusal.body!r:.60}",
)
def test_rejects_a_body_that_does_not_fit_and_changes_nothing(
    client: httpx.Client, device: str, refusal: Refusal
) -> None:
    client.post(f"{device}/messages", json={"messages": [{"text": "two words"}]})
    answer = client.request(refusal.method, device + refusal.path, json=refusal.body)
    problem = require_problem(answer, 422).json()
    if refusal.field:
        assert problem["detail"] == "the request does not fit the schema" and 1 <= len(problem["errors"]) <= 20
        assert problem["errors"][0]["field"] == refusal.field and refusal.words in problem["errors"][0]["message"]
    else:
        assert refusal.words in problem["detail"]
    kept = client.get(device).json()
    assert (kept["messages"], kept["incognito"]) == (1, False)
    assert client.get(f"{device}/blocked-words").json() == {"words": []}
