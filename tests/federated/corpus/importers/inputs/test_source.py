import gzip
import zipfile

import pytest

from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs import source as source_module
from federated.corpus.importers.inputs.source import DAMAGED, LONG_LINE, Source
from federated.corpus.schema import CorpusError

TEXT = "first\r\nschöne Grüße\n\nlast 😂"
LINES = [(1, "first"), (2, "schöne Grüße"), (3, ""), (4, "last 😂")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_numbers_the_lines_in_any_encoding_of_unicode(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes(TEXT.encode(encoding))
    assert list(Source(tmp_path / "a.txt").lines()) == LINES


def test_marks_the_bytes_that_are_not_text_and_finds_the_first(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\ncaf\xe9\n")
    source = Source(tmp_path / "a.txt")
    assert list(source.lines()) == [(1, "one"), (2, "caf\udce9")]
    assert source.first_undecodable() == (2, 0xE9)
    assert list(Source(tmp_path / "a.txt", None, "cp1252").lines()) == [(1, "one"), (2, "café")]


def test_a_character_cut_by_the_end_is_no_other_encoding(tmp_path):
    (tmp_path / "a.txt").write_bytes("one\n😂".encode()[:-1])
    assert Source(tmp_path / "a.txt").first_undecodable() is None


def test_leaves_out_a_line_that_is_too_long_to_be_a_message(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "_LONGEST_LINE", 8)
    (tmp_path / "a.txt").write_text("short\n" + "x" * 30 + "\nend\n")
    skipped = SkipCount()
    assert list(Source(tmp_path / "a.txt").lines(skipped)) == [(1, "short"), (3, "end")]
    assert skipped.counts == {LONG_LINE: 1}


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_damage_ends_a_document_and_is_counted(tmp_path, kind):
    path = tmp_path / "a"
    text = "".join(f"line {number * number}\n" for number in range(20_000))
    if kind == "gz":
        path.write_bytes(gzip.compress(text.encode())[:-500])
        source = Source(path)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.txt", text)
        content = bytearray(path.read_bytes())
        content[-1000:-500] = bytes(500)
        path.write_bytes(content)
        source = Source(path, "a.txt")
    skipped = SkipCount()
    assert 1000 < len(list(source.lines(skipped))) < 20_000
    assert skipped.counts == {DAMAGED: 1}


def test_what_comes_before_a_cut_end_is_read_to_the_last_line(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one\ntwo\nthree\n", compresslevel=0)[:-12])
    skipped = SkipCount()
    assert [line for _, line in Source(tmp_path / "a.gz").lines(skipped)][:2] == ["one", "two"]
    assert skipped.counts == {DAMAGED: 1}


def test_damage_at_the_beginning_is_an_error(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(TEXT.encode())[:10])
    with pytest.raises(CorpusError, match="damaged or incomplete"):
        list(Source(tmp_path / "a.gz").lines())
