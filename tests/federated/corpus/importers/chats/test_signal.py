import json
from datetime import UTC, datetime

import pytest

from federated.corpus.importers.chats.signal import (
    DELETED,
    NO_TEXT,
    NOT_A_MESSAGE,
    NOT_A_ROW,
    NOT_JSON,
    ROW_NOT_A_MESSAGE,
    ROW_WITHOUT_TEXT,
    read_csv,
    read_json,
    recognises_csv,
    recognises_json,
)
from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.source import Source
from tests.support.federated.imported import imported

SENT = 1671905100000


def item(author, text, direction="incoming", **more):
    message = {"text": {"body": text}} if text else {"attachments": [{}]}
    return {"chatItem": {"authorId": author, "dateSent": str(SENT), direction: {}, "standardMessage": message, **more}}


def envelope(**parts):
    return {"envelope": {"sourceNumber": "+441", "sourceUuid": "u", "sourceName": "Ann", "timestamp": SENT, **parts}}


EXPORT = [
    {"version": "1", "backupTimeMs": str(SENT), "mediaRootBackupKey": ""},
    {"recipient": {"id": "1", "self": {}}},
    {"recipient": {"id": "2", "contact": {"profileGivenName": "Ann", "profileFamilyName": "Lee", "e164": "441"}}},
    {"recipient": {"id": "3", "contact": {"e164": "442"}}},
    {"chat": {"id": "1", "recipientId": "2"}},
    item("2", "hello"),
    item("1", "hi", "outgoing"),
    item("3", "yo"),
    item("2", None),
    {"chatItem": {"authorId": "2", "dateSent": "1", "incoming": {}, "remoteDeletedMessage": {}}},
    {"chatItem": {"authorId": "2", "dateSent": "1", "directionless": {}, "updateMessage": {}}},
]
SIGNAL_EXPORT = [
    {"date": "2022-12-24T18:05:00", "sender": "Ann", "body": "hello\n", "quote": "", "reactions": []},
    {"date": "2022-12-24T18:05:00", "sender": "Me", "body": "hi", "quote": "> hello"},
    {"date": "2022-12-24T18:05:00", "sender": "Me", "body": "", "attachments": [{"name": "a.jpg"}]},
    {"date": "2022-12-24T18:05:00", "sender": "Ann", "body": "", "deleted": True},
    {"date": "2022-12-24T18:05:00", "sender": "Ann", "body": "Incoming call", "call": True},
]
SIGNAL_CLI = [
    envelope(dataMessage={"timestamp": SENT, "message": "hello"}),
    envelope(syncMessage={"sentMessage": {"timestamp": SENT, "message": "hi"}}),
    envelope(receiptMessage={"isDelivery": True}),
    envelope(dataMessage={"timestamp": SENT, "message": None}),
]
DESKTOP = [
    {"type": "incoming", "body": "hello", "sent_at": SENT, "source": "Ann", "conversationId": "c"},
    {"type": "outgoing", "body": "hi", "sent_at": SENT, "conversationId": "c"},
    {"type": "call-history", "body": None, "sent_at": SENT, "conversationId": "c"},
]


@pytest.mark.parametrize(
    ("objects", "records", "counts"),
    [
        (
            EXPORT,
            [("Ann Lee", "hello"), ("Me", "hi"), ("+442", "yo")],
            {NO_TEXT: 1, DELETED: 1, NOT_A_MESSAGE: 1},
        ),
        (SIGNAL_EXPORT, [("Ann", "hello"), ("Me", "hi")], {NO_TEXT: 1, DELETED: 1, NOT_A_MESSAGE: 1}),
        (SIGNAL_CLI, [("Ann", "hello"), ("Me", "hi")], {NOT_A_MESSAGE: 1, NO_TEXT: 1}),
        ([{"jsonrpc": "2.0", "params": value} for value in SIGNAL_CLI[:1]], [("Ann", "hello")], {}),
        (DESKTOP, [("Ann", "hello"), ("Me", "hi")], {NOT_A_MESSAGE: 1}),
    ],
    ids=["Signal", "signal-export", "signal-cli", "signal-cli JSON-RPC", "Signal Desktop"],
)
def test_reads_what_each_program_writes_as_lines_or_as_an_array(tmp_path, objects, records, counts):
    for content in ("\n".join(map(json.dumps, objects)), json.dumps(objects, indent=1)):
        assert recognises_json(content)
        assert imported(read_json, tmp_path / "a.json", content) == (records, counts)


def test_reads_times_in_utc(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(SIGNAL_CLI[0]))
    [record] = read_json(Source(tmp_path / "a.json"), SkipCount())
    assert record.timestamp == datetime(2022, 12, 24, 18, 5, tzinfo=UTC)


@pytest.mark.parametrize("bad", ["{", "[1]", "7", '{"envelope": 1}', '{"chatItem": []}', '{"recipient": {}}', "null"])
def test_an_object_that_cannot_be_used_costs_itself_only(tmp_path, bad):
    content = "\n".join([json.dumps(SIGNAL_CLI[0]), bad, json.dumps(SIGNAL_CLI[1])])
    records, counts = imported(read_json, tmp_path / "a.json", content)
    assert records == [("Ann", "hello"), ("Me", "hi")]
    assert sum(counts.values()) == 1
    assert (bad == "{") == (NOT_JSON in counts)


HEADER = (
    "ID,THREAD_ID,ADDRESS,ADDRESS_DEVICE_ID,PERSON,DATE_RECEIVED,DATE_SENT,PROTOCOL,READ,STATUS,TYPE,SUBJECT,BODY\n"
)
SECURE = 1 << 23


def row(kind, text):
    return f'1,2,+441,1,0,1671905100000,1671905100000,0,1,0,{kind},,"{text}"\n'


def test_reads_who_sent_what_from_the_type_of_the_row(tmp_path):
    content = (
        HEADER + row(20 | SECURE, "hello, you") + row(23 | SECURE, "hi\nthere") + row(10 | SECURE, "") + row(20, "")
    )
    assert recognises_csv(content)
    records = [("+441", "hello, you"), ("Me", "hi\nthere")]
    assert imported(read_csv, tmp_path / "a.csv", content) == (records, {ROW_NOT_A_MESSAGE: 1, ROW_WITHOUT_TEXT: 1})


@pytest.mark.parametrize("bad", ["1,2,3\n", row("x", "a"), row(20, "a").strip() + ",more\n"])
def test_a_row_that_is_not_valid_costs_itself_only(tmp_path, bad):
    records, counts = imported(read_csv, tmp_path / "a.csv", HEADER + bad + row(20, "hello"))
    assert (records, counts) == ([("+441", "hello")], {NOT_A_ROW: 1})
