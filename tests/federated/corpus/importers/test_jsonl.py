import gzip
import json
from datetime import UTC, datetime

import pytest

from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.jsonl import read, read_profiles
from federated.corpus.schema import Record


def line(user_id="a", timestamp=None, text="hi"):
    return json.dumps({"user_id": user_id, "timestamp": timestamp, "text": text})


def read_bytes(path, content):
    path.write_bytes(content)
    skipped = SkipCount()
    return list(read(Source(path), skipped)), skipped.examples


def test_reads_plain_and_gzipped_files(tmp_path):
    content = f"{line(timestamp='2010-09-05T05:33:00')}\n\n{line('b', '2024-01-01T00:00:00Z', '好')}".encode()
    expected = [Record("a", datetime(2010, 9, 5, 5, 33), "hi"), Record("b", datetime(2024, 1, 1, tzinfo=UTC), "好")]
    assert read_bytes(tmp_path / "m.jsonl", content) == (expected, [])
    assert read_bytes(tmp_path / "m.jsonl.gz", gzip.compress(content)) == (expected, [])
    assert read_bytes(tmp_path / "bom.jsonl", b"\xef\xbb\xbf" + content) == (expected, [])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(text=None), "text is missing or not a string"),
        (line(text=5), "text is missing or not a string"),
        ('{"user_id": "a", "timestamp": null}', "text is missing or not a string"),
        ('{"user_id": "a", "text": "hi"}', "timestamp is missing"),
        ('{"timestamp": null, "text": "hi"}', "user_id is missing"),
        (line(user_id=7), "user_id is missing"),
        (line(user_id=""), "user_id is missing"),
        (line(timestamp=12), "neither ISO 8601 nor null"),
        (line(timestamp="yesterday"), "neither ISO 8601 nor null"),
        ('{"user_id": "a", "tex', "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_skips_an_unusable_line_and_reports_its_number(tmp_path, bad, reason):
    records, skipped = read_bytes(tmp_path / "m.jsonl", f"{line()}\n{bad}\n{line('b')}\n".encode())
    assert [record.user_id for record in records] == ["a", "b"]
    assert len(skipped) == 1
    assert "line 2" in skipped[0] and reason in skipped[0]


def test_marks_broken_utf8_for_the_import_to_leave_out(tmp_path):
    records, skipped = read_bytes(tmp_path / "m.jsonl", line(text="caf_").encode().replace(b"caf_", b"caf\xe9") + b"\n")
    assert (records, skipped) == ([Record("a", None, "caf\udce9")], [])


def test_reads_profiles_and_reports_unusable_lines(tmp_path):
    skipped = SkipCount()
    assert read_profiles(Source(tmp_path / "m.jsonl"), skipped) == {}
    good = '{"user_id": "a", "country": "SG", "age": null}'
    (tmp_path / "users.jsonl").write_text(f'{good}\n{{"user_id": "b", "age": 5}}\nnonsense\n')
    assert read_profiles(Source(tmp_path / "m.jsonl"), skipped) == {"a": {"country": "SG", "age": None}}
    assert [reason.split(": ")[1] for reason in skipped.examples] == ["users.jsonl line 2", "users.jsonl line 3"]
