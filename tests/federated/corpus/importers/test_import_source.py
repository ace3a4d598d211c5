import gzip
import json
import os
import zipfile
from pathlib import Path

import pytest

from federated.corpus.importers.formats import ATTACHMENT, FORMATS, NO_FORMAT, detect
from federated.corpus.importers.import_source import Preview, SkipCount, import_corpus
from federated.corpus.importers.inputs.source import DAMAGED
from federated.corpus.schema import CorpusError, NoMessagesError, Record
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus


def test_counts_every_record_by_reason_and_keeps_the_first_details_of_each():
    skipped = SkipCount()
    for number in range(5):
        skipped("no text", f"line {number}")
    skipped("not sent")
    skipped("no author", "line 9")
    assert skipped.counts == {"no text": 5, "not sent": 1, "no author": 1}
    assert skipped.examples == ["no text: line 0", "no text: line 1", "no text: line 2", "no author: line 9"]


def test_keeps_three_messages_of_each_of_the_first_five_authors():
    preview = Preview()
    for number in range(40):
        preview(Record(f"author {number % 8}", None, f"message {number}"))
    assert list(preview.messages) == [f"author {number}" for number in range(5)]
    assert preview.messages["author 4"] == ["message 4", "message 12", "message 20"]


def test_shows_no_blank_text_no_control_character_and_no_secret():
    preview = Preview()
    for text in (" \n", "a\tb\x1b[2J\u202ec", "my mail is someone@example.com", "x" * 10_000):
        preview(Record("ann", None, text))
    assert preview.messages["ann"][0] == "a b [2J c"
    assert "someone@example.com" not in preview.messages["ann"][1]
    assert preview.messages["ann"][2] == "x" * 59 + "…"


REAL = Path(__file__).parents[5] / "shared" / "data" / "nus_sms" / "messages.jsonl.gz"
LINE = '{"user_id": "a", "timestamp": null, "text": "hi"}\n'
SAMPLES = {
    "jsonl": LINE,
    "nus_sms": '<?xml version="1.0"?><smsCorpus version="1.2"><message id="1"><text>hi</text><source><userProfile>'
    '<userID>a</userID></userProfile></source><messageProfile type="send" time="unknown"/></message></smsCorpus>',
    "android_sms": '<?xml version="1.0"?><smses><sms type="2" date="1" body="hi"/></smses>',
    "whatsapp": "\u200e[24.12.22, 18:05:33] Ann: hi",
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("packed", [False, True])
def test_detects_and_imports_each_format_plain_and_gzipped(tmp_path, name, packed):
    source = tmp_path / "download"
    source.write_bytes(gzip.compress(SAMPLES[name].encode()) if packed else SAMPLES[name].encode())
    assert detect(source) == name
    summary = import_corpus(str(source), tmp_path / "c.sqlite")
    assert (summary.users, summary.messages, sum(summary.skipped.values())) == (1, 1, 0)
    with Corpus.open(tmp_path / "c.sqlite") as corpus:
        assert corpus.source == name
        assert corpus.messages(next(corpus.user_ids()))[0].text == "hi"


def test_broken_records_are_counted_with_reasons(tmp_path):
    (tmp_path / "m.jsonl").write_text(LINE + "{\n" * 7 + LINE)
    summary = import_corpus(str(tmp_path / "m.jsonl"), tmp_path / "c.sqlite")
    assert (summary.messages, summary.skipped, len(summary.examples)) == (2, {"not valid JSON": 7}, 3)
    assert summary.examples[0].startswith("not valid JSON: line 2")


def test_imports_the_profiles_beside_the_source(tmp_path):
    (tmp_path / "m.jsonl").write_text(LINE)
    (tmp_path / "users.jsonl").write_text('{"user_id": "a", "country": "SG"}\n{"user_id": "unused", "country": "SG"}\n')
    import_corpus(str(tmp_path / "m.jsonl"), tmp_path / "c.sqlite")
    with Corpus.open(tmp_path / "c.sqlite") as corpus:
        assert list(corpus.user_ids()) == ["a"]
        assert corpus.profile("a") == {"country": "SG"}


@pytest.mark.parametrize("format", ["xls", "auto"])
def test_the_refusal_of_an_unknown_format_lists_the_known_ones(tmp_path, format):
    (tmp_path / "m.csv").write_text("one,two\na,hi\n")
    with pytest.raises(CorpusError) as error:
        import_corpus(str(tmp_path / "m.csv"), tmp_path / "c", format)
    assert all(name in str(error.value) for name in FORMATS)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing", "No such file"),
        (".", "Is a directory"),
        ("empty", "is empty"),
        ("c.sqlite", "is already a corpus"),
    ],
)
def test_rejects_an_unusable_source_before_anything_is_written(tmp_path, source, message):
    (tmp_path / "empty").write_text(" \n")
    write_corpus(tmp_path / "c.sqlite", [Record("a", None, "hi")], source="jsonl")
    with pytest.raises(CorpusError, match=message):
        import_corpus(str(tmp_path / source), tmp_path / "out.sqlite")
    assert not (tmp_path / "out.sqlite").exists()


def test_the_refusal_of_a_source_without_usable_records_gives_the_first_reason(tmp_path):
    (tmp_path / "m.jsonl").write_text('{"user_id": "a", "timestamp": null, "text": null}\n')
    with pytest.raises(
        NoMessagesError, match=r"1 text is missing .*; the first: text is missing or not a string: line 1"
    ):
        import_corpus(str(tmp_path / "m.jsonl"), tmp_path / "c.sqlite")


def test_rejects_a_source_without_read_permission(tmp_path):
    source = tmp_path / "m.jsonl"
    source.write_text(LINE)
    source.chmod(0)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        with pytest.raises(CorpusError, match="cannot read"):
            import_corpus(str(source), tmp_path / "c.sqlite", "jsonl")
    finally:
        if was_root:
            os.seteuid(0)


def test_a_truncated_download_is_imported_as_far_as_it_can_be_read(tmp_path):
    source, out = tmp_path / "m.jsonl.gz", tmp_path / "c.sqlite"
    content = gzip.compress("".join(LINE.replace("hi", f"hi {i * i}") for i in range(20_000)).encode())
    source.write_bytes(content[:-2000])
    summary = import_corpus(str(source), out)
    assert summary.skipped == {"not valid JSON": 1, DAMAGED: 1}  # the line that is cut, and what follows
    assert "download it again" in summary.examples[0]
    assert sorted(os.listdir(tmp_path)) == ["c.sqlite", "m.jsonl.gz"]
    with Corpus.open(out) as corpus:
        assert 500 < corpus.num_messages == summary.messages


@pytest.mark.parametrize("name", ["m.zip", "m.jsonl.gz"])
def test_damage_at_the_beginning_is_reported_as_damage(tmp_path, name):
    source = tmp_path / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("m.jsonl", LINE * 100)
    else:
        source.write_bytes(gzip.compress(LINE.encode() * 100))
    content = bytearray(source.read_bytes())
    begin = (30 + len("m.jsonl")) if name.endswith(".zip") else 10  # after the header
    content[begin : begin + 8] = b"\xff" * 8
    source.write_bytes(content)
    with pytest.raises(CorpusError, match="is damaged"):
        import_corpus(str(source), tmp_path / "c.sqlite")


LEAF = {"users": ["a"], "num_samples": [1], "user_data": {"a": {"x": [[["<BOS>", "hello"]]], "y": []}}}
TELEGRAM = {
    "name": "Ann",
    "type": "personal_chat",
    "id": 1,
    "messages": [{"id": 1, "type": "message", "date": "2022-12-24T18:05:00", "from": "Ann", "text": "hello"}],
}


@pytest.mark.parametrize(("content", "name"), [(LEAF, "leaf"), (TELEGRAM, "telegram")])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_document_is_read_or_said_to_be_one_whatever_its_name(tmp_path, content, name, indent):
    (tmp_path / "a.jsonl").write_text(json.dumps(content, indent=indent))
    assert import_corpus(tmp_path / "a.jsonl", tmp_path / "c.sqlite").messages == 1
    with pytest.raises(CorpusError, match=f"is a JSON document, not JSON Lines: import it with --format {name}"):
        import_corpus(tmp_path / "a.jsonl", tmp_path / "c.sqlite", "jsonl")


@pytest.mark.parametrize("content", [{"a": {"b": 1}}, [{"a": 1}], {"messages": []}])
def test_a_json_document_of_another_form_is_called_one(tmp_path, content):
    (tmp_path / "a.jsonl").write_text(json.dumps(content))
    with pytest.raises(CorpusError, match=r"is a JSON document, not JSON Lines: .*Telegram.*LEAF.*user_id"):
        import_corpus(tmp_path / "a.jsonl", tmp_path / "c.sqlite")


CHAT = "[24.12.22, 18:05:33] {}: {}\n"


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def messages(path):
    with Corpus.open(path) as corpus:
        return {user_id: [message.text for message in corpus.messages(user_id)] for user_id in corpus.user_ids()}


def test_a_zip_with_a_chat_and_a_longer_attachment_is_the_chat(tmp_path):
    chat = CHAT.format("Ann", "hello") + CHAT.format("Bob", "hi")
    source = zipped(tmp_path / "chat.zip", **{"0003-notes.txt": "my notes\n" * 100, "_chat.txt": chat})
    summary = import_corpus(source, tmp_path / "c.sqlite")
    assert messages(tmp_path / "c.sqlite") == {"Ann": ["hello"], "Bob": ["hi"]}
    assert summary.skipped == {ATTACHMENT: 1}


def test_a_chat_attached_to_a_chat_is_an_attachment(tmp_path):
    members = {"_chat.txt": CHAT.format("Ann", "hello"), "0002-other.txt": CHAT.format("Eve", "forwarded")}
    summary = import_corpus(zipped(tmp_path / "chat.zip", **members), tmp_path / "c.sqlite")
    assert messages(tmp_path / "c.sqlite") == {"Ann": ["hello"]}
    assert summary.skipped == {ATTACHMENT: 1}


def test_a_zip_of_several_chats_is_all_of_them_and_names_are_people(tmp_path):
    members = {
        "a/_chat.txt": CHAT.format("Ann", "one"),
        "b/_chat.txt": CHAT.format("Bob", "two"),
        "WhatsApp Chat with Ann.txt": CHAT.format("Ann", "three"),
        "more.jsonl": LINE,
        "readme.md": "# how to read this",
        "inner.zip": b"PK\3\4" + bytes(30),
    }
    summary = import_corpus(zipped(tmp_path / "chats.zip", **members), tmp_path / "c.sqlite")
    assert messages(tmp_path / "c.sqlite") == {"Ann": ["one", "three"], "Bob": ["two"], "a": ["hi"]}
    assert summary.skipped == {NO_FORMAT: 2}
    assert any("inner.zip is a zip archive: unpack it first" in example for example in summary.examples)
    with Corpus.open(tmp_path / "c.sqlite") as corpus:
        assert corpus.source == "jsonl+whatsapp"


def test_a_takeout_is_its_messages_and_its_other_documents_are_counted(tmp_path):
    message = {"creator": {"name": "Ann", "email": "ann@example.com"}, "text": "hello"}
    members = {
        "Takeout/Google Chat/Groups/DM 1/messages.json": json.dumps({"messages": [message]}),
        "Takeout/Google Chat/Groups/DM 1/group_info.json": json.dumps({"members": [{"name": "Ann"}]}),
        "Takeout/Google Chat/Groups/DM 2/messages.json": json.dumps({"messages": [message | {"text": "bye"}]}),
        "Takeout/archive_browser.html": "<html>",
    }
    summary = import_corpus(zipped(tmp_path / "takeout.zip", **members), tmp_path / "c.sqlite")
    assert messages(tmp_path / "c.sqlite") == {"Ann": ["hello", "bye"]}
    assert summary.skipped == {NO_FORMAT: 1}


@pytest.mark.parametrize(
    ("members", "format", "message"),
    [
        ({"photo.jpg": "x", "__MACOSX/._chat.txt": "x"}, "auto", "without any file that can hold messages"),
        ({"a.txt": "notes", "b.txt": "more"}, "auto", r"none of the known formats: a\.txt, b\.txt; the formats are"),
        ({"a.txt": "notes", "b.zip": b"PK\3\4"}, "auto", r"b\.zip is a zip archive: unpack it first"),
        ({"a.jsonl": LINE, "b.jsonl": LINE}, "whatsapp", r"have the format whatsapp: a\.jsonl, b\.jsonl"),
    ],
)
def test_names_the_files_of_a_zip_without_messages(tmp_path, members, format, message):
    with pytest.raises(CorpusError, match=message):
        import_corpus(zipped(tmp_path / "a.zip", **members), tmp_path / "c.sqlite", format)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(30), "7-Zip archive: unpack it first"),
        (b"Rar!" + bytes(30), "RAR archive: unpack it first"),
        (b"a" * 257 + b"ustar" + bytes(30), "tar archive: unpack it first"),
        (b"<!DOCTYPE html>\n<p>messages", "is a web page: export the messages again"),
    ],
)
def test_says_what_a_file_in_no_format_is(tmp_path, content, message):
    (tmp_path / "a").write_bytes(content)
    for packed in (content, gzip.compress(content)):
        (tmp_path / "a").write_bytes(packed)
        with pytest.raises(CorpusError, match=message):
            import_corpus(tmp_path / "a", tmp_path / "c.sqlite")


@pytest.mark.parametrize("damage", [lambda content: content[:300], lambda content: content[:-30]])
def test_rejects_an_incomplete_zip(tmp_path, damage):
    source = zipped(tmp_path / "a.zip", **{"m.jsonl": "".join(LINE.replace("hi", str(i * i)) for i in range(1000))})
    source.write_bytes(damage(source.read_bytes()))
    with pytest.raises(CorpusError, match="damaged or incomplete"):
        import_corpus(source, tmp_path / "c.sqlite")


@pytest.mark.parametrize(
    ("name", "encoding"),
    [(name, encoding) for name in ("jsonl", "whatsapp") for encoding in ("utf-8-sig", "utf-16", "utf-16-be")]
    + [("android_sms", "utf-16"), ("nus_sms", "utf-16-le")],
)
def test_imports_every_format_in_the_encodings_of_unicode(tmp_path, name, encoding):
    (tmp_path / "download").write_bytes(SAMPLES[name].replace("hi", "schöne Grüße 😂").encode(encoding))
    summary = import_corpus(tmp_path / "download", tmp_path / "c.sqlite")
    assert list(messages(tmp_path / "c.sqlite").values()) == [["schöne Grüße 😂"]]
    assert not summary.skipped


@pytest.mark.parametrize("encoding", ["cp1252", "iso-8859-1", "iso-8859-15"])
def test_reads_xml_in_the_encoding_that_it_declares(tmp_path, encoding):
    content = SAMPLES["android_sms"].replace('"1.0"', f'"1.0" encoding="{encoding}"').replace("hi", "schöne Grüße")
    (tmp_path / "a.xml").write_bytes(content.encode(encoding))
    import_corpus(tmp_path / "a.xml", tmp_path / "c.sqlite")
    assert messages(tmp_path / "c.sqlite") == {"owner": ["schöne Grüße"]}


@pytest.mark.parametrize("name", ["jsonl", "whatsapp", "android_sms", "nus_sms"])
def test_asks_for_the_encoding_of_text_that_is_not_utf8_and_names_none(tmp_path, name):
    content = SAMPLES[name].strip("\u200e").replace("hi", "déjà vu").encode("cp1252")
    (tmp_path / "m").write_bytes(b"\n" * (name in ("jsonl", "whatsapp")) + content)
    line = 2 if name in ("jsonl", "whatsapp") else 1
    with pytest.raises(CorpusError, match=rf"is not UTF-8 \(line {line} has the byte 0xE9\).*--encoding"):
        import_corpus(tmp_path / "m", tmp_path / "c.sqlite")
    assert not (tmp_path / "c.sqlite").exists()
    import_corpus(tmp_path / "m", tmp_path / "c.sqlite", encoding="cp1252")
    assert list(messages(tmp_path / "c.sqlite").values()) == [["déjà vu"]]


def test_counts_the_records_that_are_damaged_in_a_text_of_a_known_encoding(tmp_path):
    good, bad, half = (LINE.replace("hi", text) for text in ("schön", "caf_", r"half \ud83d"))
    content = (good * 2 + bad + half).encode().replace(b"caf_", b"caf\xe9")
    (tmp_path / "m.jsonl").write_bytes(content)
    summary = import_corpus(tmp_path / "m.jsonl", tmp_path / "c.sqlite")
    assert messages(tmp_path / "c.sqlite") == {"a": ["schön", "schön"]}
    assert summary.skipped == {"not valid UTF-8": 1, "half a character (an unpaired surrogate)": 1}
    (tmp_path / "m.jsonl").write_bytes(content.replace(good.encode() * 2, LINE.encode()))
    summary = import_corpus(tmp_path / "m.jsonl", tmp_path / "c.sqlite", encoding="utf-8")
    assert (summary.messages, summary.skipped["not valid UTF-8"]) == (1, 1)


@pytest.mark.parametrize("damage", ["\0", "\x0b", "&#0;", "&#xB;", "&#55357;"])
def test_a_character_that_xml_forbids_costs_its_record_only(tmp_path, damage):
    bodies = "".join(f'<sms type="2" date="{i}" body="{text}"/>' for i, text in enumerate(["a", f"b{damage}", "c"]))
    (tmp_path / "a.xml").write_text(f"<smses>{bodies}</smses>")
    summary = import_corpus(tmp_path / "a.xml", tmp_path / "c.sqlite")
    assert messages(tmp_path / "c.sqlite") == {"owner": ["a", "c"]}
    assert list(summary.skipped.values()) == [1]


@pytest.mark.skipif(
    not REAL.exists(), reason="the NUS SMS corpus is not beside the repository (../shared/data/nus_sms)"
)
def test_imports_the_nus_sms_corpus(tmp_path):
    summary = import_corpus(str(REAL), tmp_path / "c.sqlite")
    assert summary.users == 257
    assert summary.messages + summary.duplicates == 42_195
    assert summary.empty == sum(summary.skipped.values()) == 0
    with Corpus.open(tmp_path / "c.sqlite") as corpus:
        assert sum(corpus.message_count(user_id) for user_id in corpus.user_ids()) == summary.messages
        assert {corpus.profile(user_id)["country"] for user_id in corpus.user_ids()} >= {"Singapore", "India"}
