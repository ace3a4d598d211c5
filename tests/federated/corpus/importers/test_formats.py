"""What holds for every format: it is recognized, torn files never end in a traceback, and every text survives."""

import csv
import gzip
import io
import json
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federated.corpus.importers.formats import FORMATS, detect
from federated.corpus.importers.import_source import inspect_source
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError


def jsonl(texts):
    return "\n".join(json.dumps({"user_id": "Ann", "timestamp": None, "text": text}) for text in texts)


def telegram(texts):
    sent = {"type": "message", "date": "2022-12-24T18:05:00", "from": "Ann", "from_id": "user1"}
    messages = [{"id": number, **sent, "text": text} for number, text in enumerate(texts)]
    return json.dumps({"name": "Ann", "type": "personal_chat", "id": 1, "messages": messages}, ensure_ascii=False)


def google_chat(texts):
    return json.dumps(
        {"messages": [{"creator": {"name": "Ann", "user_type": "Human"}, "text": text} for text in texts]}
    )


def hangouts(texts):
    events = [
        {
            "sender_id": {"gaia_id": "Ann"},
            "chat_message": {"message_content": {"segment": [{"type": "TEXT", "text": text}]}},
        }
        for text in texts
    ]
    return json.dumps({"conversations": [{"conversation": {"conversation": {}}, "events": events}]}, indent=1)


def signal_json(texts):
    return "\n".join(json.dumps({"date": "2022-12-24", "sender": "Ann", "body": text}) for text in texts)


def leaf(texts):
    data = {"Ann": {"x": texts, "y": [0] * len(texts)}}
    return json.dumps({"users": ["Ann"], "num_samples": [len(texts)], "user_data": data})


def table(texts, header=("user_id", "text"), before=("Ann",)):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([(*before, text) for text in texts])
    return ",".join(header) + "\n" + buffer.getvalue()


def signal_csv(texts):
    return table(texts, ("THREAD_ID", "ADDRESS", "DATE_SENT", "TYPE", "BODY"), ("1", "Ann", "0", "20"))


def android_sms(texts):
    attribute = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
    messages = [f"<sms type='2' body={quoteattr(text, attribute)}/>" for text in texts]
    return f"<smses>{''.join(messages)}</smses>"


def nus_sms(texts):
    about = "<source><userProfile><userID>Ann</userID></userProfile></source><messageProfile type='send'/>"
    messages = [f"<message><text>{escape(text, {chr(13): '&#13;'})}</text>{about}</message>" for text in texts]
    return f"<smsCorpus>{''.join(messages)}</smsCorpus>"


def whatsapp(texts):
    return "".join(f"[24.12.22, 18:05:33] Ann: {text}\n" for text in texts)


def imessage_text(texts):
    return "".join(f"May 17, 2022  5:29:42 PM\nAnn\n{text}\n\n" for text in texts)


WRITERS = {
    writer.__name__.replace("table", "columns"): writer
    for writer in (jsonl, telegram, google_chat, hangouts, signal_json, leaf, table, signal_csv, android_sms, nus_sms)
} | {"whatsapp": whatsapp, "imessage_text": imessage_text}
TEXTS = ["see you", "schöne Grüße 😂", "a, b; c | d\te", '{"a": 1}', "<smses> & <smsCorpus>", "user,text,body,from"]
ANY_TEXT = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff\ufdd0\ufdd1", include_characters="\n\t\r"
    ),
    min_size=1,
).filter(str.strip)


def test_there_is_a_writer_for_every_format_of_text():
    assert WRITERS.keys() == FORMATS.keys() - {"tff_data", "imessage_database"}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_document_is_recognized_as_its_own_format_only(tmp_path, name, encoding):
    path = tmp_path / "download"
    path.write_bytes(WRITERS[name](TEXTS).encode(encoding))
    assert detect(path) == name
    others = FORMATS.keys() - {name, "jsonl", "columns"}  # these two are asked after the formats that look like them
    assert [other for other in others if FORMATS[other].recognises(Source(path).text_head)] == []
    seen = []
    inspect_source(path, seen=seen.append)
    assert [record.text for record in seen] == TEXTS
    assert {record.user_id for record in seen} <= {"Ann", "owner"}


@pytest.mark.parametrize("name", sorted(WRITERS.keys() - {"whatsapp", "imessage_text"}))  # they strip the ends of lines
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(ANY_TEXT.filter(lambda text: text != "null"), min_size=1, max_size=5))  # absent in an SMS backup
def test_every_text_survives(tmp_path_factory, name, texts):
    path = tmp_path_factory.getbasetemp() / f"any-{name}"
    path.write_bytes(WRITERS[name](texts).encode())
    seen = []
    try:
        summary = inspect_source(path, name, seen=seen.append)
    except CorpusError as error:
        pytest.fail(str(error))
    kept = [text.strip("\n") if name == "signal_json" else text for text in texts]
    assert [record.text for record in seen] == kept
    assert not summary.skipped


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("packed", [False, True])
@settings(max_examples=25)
@given(cut=st.floats(0, 1), encoding=st.sampled_from(["utf-8", "utf-16"]))
def test_a_torn_file_gives_an_error_or_its_readable_part(tmp_path_factory, name, packed, cut, encoding):
    whole = WRITERS[name](TEXTS).encode(encoding)
    if packed:
        whole = gzip.compress(whole, mtime=0)
    path = tmp_path_factory.getbasetemp() / f"torn-{name}"
    path.write_bytes(whole[: int(cut * len(whole))])
    seen = []
    try:
        inspect_source(path, seen=seen.append)
    except CorpusError as error:
        assert str(path) in str(error) or "no usable message" in str(error)
    assert [record.text for record in seen[:-1]] == TEXTS[: max(0, len(seen) - 1)]
