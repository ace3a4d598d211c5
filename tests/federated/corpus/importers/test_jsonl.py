import gzip
import json
from datetime import UTC, datetime

import pytest

from federated.corpus.importers.jsonl import read, read_profiles
from federated.corpus.schema import CorpusError, Record


def line(user_id="a", timestamp=None, text="hi"):
    return json.dumps({"user_id": user_id, "timestamp": timestamp, "text": text})


def read_bytes(path, content):
    path.write_bytes(content)
    skipped = []
    return list(read(path, skipped.append)), skipped


def test_reads_plain_and_gzipped(tmp_path):
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
        ('{"user_id": "a", "tex', "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_an_unusable_line_is_skipped_with_its_number(tmp_path, bad, reason):
    records, skipped = read_bytes(tmp_path / "m.jsonl", f"{line()}\n{bad}\n{line('b')}\n".encode())
    assert [record.user_id for record in records] == ["a", "b"]
    assert len(skipped) == 1
    assert skipped[0].startswith("line 2: ") and reason in skipped[0]


def test_broken_utf8_is_replaced(tmp_path):
    records, skipped = read_bytes(tmp_path / "m.jsonl", line(text="caf_").encode().replace(b"caf_", b"caf\xe9") + b"\n")
    assert (records, skipped) == ([Record("a", None, "caf\ufffd")], [])


def test_a_truncated_gzip_names_the_line_reached(tmp_path):
    path = tmp_path / "m.jsonl.gz"
    content = gzip.compress("\n".join(line(text=f"message {i * i}") for i in range(5000)).encode())
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CorpusError, match=r"breaks off or is damaged after line \d{3}"):
        list(read(path, print))


def test_a_damaged_gzip_is_refused(tmp_path):
    path = tmp_path / "m.jsonl.gz"
    content = bytearray(gzip.compress(line().encode() * 1000))
    content[-6] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(CorpusError, match="damaged"):
        list(read(path, print))


def test_profiles_lie_beside(tmp_path):
    skipped = []
    assert read_profiles(tmp_path / "m.jsonl", skipped.append) == {}
    good = '{"user_id": "a", "country": "SG", "age": null}'
    (tmp_path / "users.jsonl").write_text(f'{good}\n{{"user_id": "b", "age": 5}}\nnonsense\n')
    assert read_profiles(tmp_path / "m.jsonl", skipped.append) == {"a": {"country": "SG", "age": None}}
    assert [reason.split(":")[0] for reason in skipped] == ["users.jsonl line 2", "users.jsonl line 3"]
