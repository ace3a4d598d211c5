import gzip
import os
import zipfile
from pathlib import Path

import pytest

from federated.corpus.importers.detect import FORMATS, detect, import_corpus
from federated.corpus.schema import CorpusError, NoMessagesError, Record
from federated.corpus.store import Corpus
from federated.corpus.writer import write_corpus

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
    assert (summary.messages, summary.skipped, len(summary.examples)) == (2, {"not valid JSON": 7}, 5)
    assert summary.examples[0].startswith("not valid JSON: line 2")


def test_imports_the_profiles_beside_the_source(tmp_path):
    (tmp_path / "m.jsonl").write_text(LINE)
    (tmp_path / "users.jsonl").write_text('{"user_id": "a", "country": "SG"}\n{"user_id": "unused", "country": "SG"}\n')
    import_corpus(str(tmp_path / "m.jsonl"), tmp_path / "c.sqlite")
    with Corpus.open(tmp_path / "c.sqlite") as corpus:
        assert list(corpus.user_ids()) == ["a"]
        assert corpus.profile("a") == {"country": "SG"}


@pytest.mark.parametrize("format", ["csv", "auto"])
def test_the_refusal_of_an_unknown_format_lists_the_known_ones(tmp_path, format):
    (tmp_path / "m.csv").write_text("user,text\na,hi\n")
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
    content = gzip.compress("".join(LINE.replace("hi", f"hi {i * i}") for i in range(1000)).encode())
    source.write_bytes(content[:-200])
    summary = import_corpus(str(source), out)
    assert list(summary.skipped.values()) == [1]
    assert "after line" in summary.examples[0]
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
