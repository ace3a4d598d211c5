import json
from datetime import UTC, datetime

import pytest

from federated.corpus.importers.chats.telegram import BY_BOT, FORWARDED, NO_TEXT, SERVICE, read, recognises
from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.json_document import BROKEN_JSON
from federated.corpus.importers.inputs.source import Source
from tests.support.federated.imported import imported


def message(text, sender="Ann", **more):
    date = {"date": "2022-12-24T18:05:00", "date_unixtime": "1671905100"}
    return {"id": 1, "type": "message", **date, "from": sender, "from_id": f"user{sender}", "text": text, **more}


def chat(*messages):
    return {"name": "Ann", "type": "personal_chat", "id": 1, "messages": messages}


def test_reads_texts_with_formats_and_captions(tmp_path):
    parts = ["see ", {"type": "bold", "text": "you"}, " at ", {"type": "link", "text": "https://example.com"}]
    content = chat(message("hello"), message(parts, "Bob"), message("a caption", photo="photos/1.jpg"))
    expected = [("Ann", "hello"), ("Bob", "see you at https://example.com"), ("Ann", "a caption")]
    assert imported(read, tmp_path / "result.json", content) == (expected, {})


def test_leaves_out_and_counts_what_the_author_did_not_write(tmp_path):
    content = chat(
        {"id": 1, "type": "service", "date": "2022-12-24T18:05:00", "actor": "Ann", "action": "phone_call", "text": ""},
        message("their words", forwarded_from="Eve"),
        message("their words", forwarded_from=None),
        message("made by a bot", via_bot="@gif"),
        message("", media_type="sticker", sticker_emoji="😂"),
        message("own words"),
    )
    counts = {SERVICE: 1, FORWARDED: 2, BY_BOT: 1, NO_TEXT: 1}
    assert imported(read, tmp_path / "result.json", content) == ([("Ann", "own words")], counts)


def test_reads_the_chats_of_an_account_and_tells_people_of_one_name_apart(tmp_path):
    content = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 7, "first_name": "Ann"},
        "contacts": {"list": [{"user_id": 8}] * 3000},
        "chats": {"about": "", "list": [chat(message("one"), message("two", from_id="user9")), chat(message("three"))]},
        "left_chats": {"list": [chat(message("four"))]},
    }
    expected = [("Ann", "one"), ("Ann (user9)", "two"), ("Ann", "three"), ("Ann", "four")]
    assert imported(read, tmp_path / "result.json", content) == (expected, {})
    assert recognises(json.dumps(content)[:65536])


def test_reads_the_time_in_utc_or_as_it_is(tmp_path):
    without = {key: value for key, value in message("b").items() if key != "date_unixtime"}
    (tmp_path / "result.json").write_text(json.dumps(chat(message("a"), without, message("c", date_unixtime="x"))))
    times = [record.timestamp for record in read(Source(tmp_path / "result.json"), SkipCount())]
    local = datetime(2022, 12, 24, 18, 5)
    assert times == [local.replace(tzinfo=UTC), local, local]


def test_keeps_what_comes_before_a_broken_end(tmp_path):
    content = json.dumps(chat(*[message(f"text {i}") for i in range(1000)]))[:-500]
    records, counts = imported(read, tmp_path / "result.json", content)
    assert len(records) > 990
    assert counts == {BROKEN_JSON: 1}


@pytest.mark.parametrize(
    "content",
    [
        chat(message("a")),
        chat(),
        {"name": "Ann", "type": "personal_chat", "id": 1, "messages": [{"id": 1, "type": "message", "date": "2022"}]},
    ],
)
def test_recognises_an_export_formatted_or_not(content):
    assert recognises(json.dumps(content)) and recognises(json.dumps(content, indent=1))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"messages": []}', '{"user_id": "a", "text": "b"}', "Ann: hi"])
def test_recognises_nothing_else(content):
    assert not recognises(content)
