import json
from datetime import UTC, datetime

import pytest

from federated.corpus.importers.chats.google_chat import BY_BOT, DELETED, NO_TEXT, read, recognises
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.skip_count import SkipCount
from tests.support.federated.imported import imported


def message(text, kind="Human", date="Saturday, December 24, 2022 at 6:05:33 PM UTC", **more):
    creator = {"name": "Ann", "email": "ann@example.com", "user_type": kind}
    return {"creator": creator, "created_date": date, "text": text, "message_id": "1", **more}


def test_reads_the_words_of_people(tmp_path):
    content = {
        "messages": [
            message("hello"),
            message("beep", "Bot"),
            message("", attached_files=[{"original_name": "a.png"}]),
            message("", message_state="DELETED"),
        ]
    }
    counts = {BY_BOT: 1, NO_TEXT: 1, DELETED: 1}
    assert imported(read, tmp_path / "messages.json", content) == ([("Ann", "hello")], counts)
    assert recognises(json.dumps(content)) and not recognises('{"messages": []}')


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
def test_reads_a_time_or_none(tmp_path, date, expected):
    (tmp_path / "messages.json").write_text(json.dumps({"messages": [message("hello", date=date)]}))
    [record] = read(Source(tmp_path / "messages.json"), SkipCount())
    assert record.timestamp == expected
