import json
from datetime import UTC, datetime

import pytest

from federated.corpus.importers.chats.google_takeout import (
    BY_BOT,
    DELETED,
    NO_MESSAGE,
    NO_TEXT,
    read_chat,
    read_hangouts,
    recognises_chat,
    recognises_hangouts,
)
from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.source import Source
from tests.support.federated.imported import imported


def message(text, kind="Human", date="Saturday, December 24, 2022 at 6:05:33 PM UTC", **more):
    creator = {"name": "Ann", "email": "ann@example.com", "user_type": kind}
    return {"creator": creator, "created_date": date, "text": text, "message_id": "1", **more}


def test_reads_the_words_of_people_in_google_chat(tmp_path):
    content = {
        "messages": [
            message("hello"),
            message("beep", "Bot"),
            message("", attached_files=[{"original_name": "a.png"}]),
            message("", message_state="DELETED"),
        ]
    }
    counts = {BY_BOT: 1, NO_TEXT: 1, DELETED: 1}
    assert imported(read_chat, tmp_path / "messages.json", content) == ([("Ann", "hello")], counts)
    assert recognises_chat(json.dumps(content)) and not recognises_chat('{"messages": []}')


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Saturday, December 24, 2022 at 6:05:33\u202fPM UTC", datetime(2022, 12, 24, 18, 5, 33, tzinfo=UTC)),
        ("Saturday, 24 December 2022 at 18:05:33 UTC", datetime(2022, 12, 24, 18, 5, 33, tzinfo=UTC)),
        ("Samstag, 24. Dezember 2022 um 18:05:33 UTC", None),
        ("Saturday, December 32, 2022 at 6:05:33 PM UTC", None),
        (None, None),
    ],
)
def test_reads_a_time_of_google_chat_or_none(tmp_path, date, expected):
    (tmp_path / "messages.json").write_text(json.dumps({"messages": [message("hello", date=date)]}))
    [record] = read_chat(Source(tmp_path / "messages.json"), SkipCount())
    assert record.timestamp == expected


ABOUT = {"conversation": {"participant_data": [{"id": {"gaia_id": "7"}, "fallback_name": "Ann"}]}}


def event(*segments, sender="7"):
    content = {"segment": [{"type": "TEXT", "text": text} if text else {"type": "LINE_BREAK"} for text in segments]}
    return {
        "sender_id": {"gaia_id": sender},
        "timestamp": "1469000000000000",
        "chat_message": {"message_content": content if segments else {"attachment": [{}]}},
    }


EVENTS = [
    event("hello"),
    event("a", "", "b", sender="8"),
    event(),
    {"sender_id": {"gaia_id": "7"}, "hangout_event": {}},
]


@pytest.mark.parametrize(
    "content",
    [
        {"conversations": [{"conversation": ABOUT, "events": EVENTS}]},
        {"conversation_state": [{"conversation_state": {"conversation": ABOUT["conversation"], "event": EVENTS}}]},
    ],
    ids=["now", "before 2017"],
)
def test_reads_the_messages_of_hangouts_under_the_names_of_the_participants(tmp_path, content):
    counts = {NO_TEXT: 1, NO_MESSAGE: 1}
    assert imported(read_hangouts, tmp_path / "Hangouts.json", content) == ([("Ann", "hello"), ("8", "a\nb")], counts)
    assert recognises_hangouts(json.dumps(content))
