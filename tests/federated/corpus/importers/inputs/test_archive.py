import contextlib
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federated.corpus.importers.inputs import archive
from federated.corpus.importers.inputs.archive import zip_members
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, "" if name.endswith("/") else "text")
    return path


def test_lists_the_files_that_can_hold_messages_with_the_chat_of_ios_first(tmp_path):
    names = ["b.txt", "folder/", "folder/_chat.txt", "__MACOSX/._b.txt", ".DS_Store", "1-PHOTO.JPG", "note.docx", "c"]
    assert zip_members(zipped(tmp_path / "a.zip", *names)) == ["folder/_chat.txt", "b.txt", "c"]


def test_a_file_that_is_no_zip_has_no_members(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    assert zip_members(tmp_path / "a.txt") is None


def test_skips_an_entry_without_a_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(zipfile.ZipInfo(""), "text")
        file.writestr("b.txt", "text")
    assert zip_members(tmp_path / "a.zip") == ["b.txt"]


def test_rejects_too_many_or_too_large_files(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", "a.txt", "b.txt")
    monkeypatch.setattr(archive, "_LARGEST_MEMBER", 3)
    with pytest.raises(CorpusError, match=r"a\.txt in .* is larger than"):
        zip_members(path)
    monkeypatch.setattr(archive, "_MOST_MEMBERS", 1)
    with pytest.raises(CorpusError, match="holds 2 files"):
        zip_members(path)


def test_rejects_an_encrypted_zip(tmp_path):
    path = zipped(tmp_path / "a.zip", "a.txt")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1  # the flag of the central directory
    path.write_bytes(content)
    with pytest.raises(CorpusError, match="is encrypted: unpack it first"):
        zip_members(path)


def test_rejects_a_zip_of_an_unknown_version_or_compression(tmp_path):
    path = zipped(tmp_path / "a.zip", "a.txt")
    content = path.read_bytes()
    entry = content.index(b"PK\1\2")
    for at, value, what in ((6, 128, "cannot unpack .*version 12.8"), (10, 99, r"cannot unpack a\.txt")):
        damaged = bytearray(content)
        damaged[entry + at] = value
        path.write_bytes(damaged)
        with pytest.raises(CorpusError, match=what):
            list(Source(path, zip_members(path)[0]).lines())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@settings(max_examples=40)
@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_damaged_zip_is_read_in_part_or_refused(tmp_path_factory, method, at, byte):
    path = tmp_path_factory.getbasetemp() / f"damaged-{method}.zip"
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("a.txt", "".join(f"line {number * number}\n" for number in range(40)))
    content = bytearray(path.read_bytes())
    content[at % len(content)] = byte
    path.write_bytes(content)
    with contextlib.suppress(CorpusError):
        for member in zip_members(path) or []:
            list(Source(path, member).lines())
