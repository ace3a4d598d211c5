"""Hostile zip files are refused after little work: what is read and unpacked is counted, not timed."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.bundle import files
from device_runtime.bundle.files import DIRECTORY_LIMIT, LIMITS, MANIFEST, MODEL, SIGNATURE, BundleError, read_files
from tests.support.device_runtime.bundle_parts import Content, write_zip

MEGABYTE = 1024 * 1024


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of bytes of each read of a zip file."""
    seen: list[int] = []
    read = files.LimitedFile.read

    def counted(file: files.LimitedFile, size: int | None = -1) -> bytes:
        data = read(file, size)
        seen.append(len(data))
        return data

    monkeypatch.setattr(files.LimitedFile, "read", counted)
    yield seen


def many_entries(count: int, name: Callable[[int], str] = lambda number: f"{number}") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(name(number)), b"")
    return buffer.getvalue()


def end(entries: int, size: int, start: int, comment: bytes = b"") -> bytes:
    """Returns the end record of a zip file."""
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, entries, entries, size, start, len(comment)) + comment


def end_64(entries: int, size: int, start: int, at: int) -> bytes:
    """Returns both end records of a zip64 file, and the old one that refers to them."""
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, size, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    return record + locator + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


DIRECTORY_ENTRY = b"PK\1\2" + bytes(42)
HOSTILE = {
    "many entries": many_entries(6_000),
    "many entries with one name": DIRECTORY_ENTRY * 60_000 + end(60_000, 46 * 60_000, 0),
    "few entries declared, many there": DIRECTORY_ENTRY * 60_000 + end(6, 46 * 60_000, 0),
    "a directory of zeros": bytes(4 * MEGABYTE) + end(6, 4 * MEGABYTE, 0),
    "a huge comment": many_entries(0)[:-2] + struct.pack("<H", 0xFFFF) + bytes(0xFFFF),
    "long names": many_entries(3, lambda number: f"{number}" + "x" * 60_000),
    "nested names": many_entries(900, lambda number: "a/" * number + MODEL),
    "zip64: more entries than the file has bytes": bytes(MEGABYTE) + end_64(2**60, 2**40, 0, MEGABYTE),
    "zip64: a directory beyond the file": bytes(MEGABYTE) + end_64(6, 276, 2**63, MEGABYTE),
    "zip64: a directory as large as the file": bytes(4 * MEGABYTE) + end_64(6, 4 * MEGABYTE, 0, 4 * MEGABYTE),
    "zip64: records beyond the file": bytes(MEGABYTE) + end_64(6, 276, 0, 2**63),
    "a directory before the file": end(6, 0xFFFF, 0xFFFFFFFF),
    "only the end": end(6, 276, 0),
    "nothing": b"",
    "zeros": bytes(4 * MEGABYTE),
    "beginnings of an end": b"PK\5\6" * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_list_of_files_is_refused_after_little_reading(
    tmp_path: Path, read_bytes: list[int], name: str
) -> None:
    path = tmp_path / "hostile.bundle"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(BundleError) as refused:
        read_files(path)
    assert sum(read_bytes) <= DIRECTORY_LIMIT + 1
    assert len(str(refused.value)) < 1_000 + len(str(path))


def test_sixty_thousand_entries_are_refused_before_they_are_listed(tmp_path: Path, read_bytes: list[int]) -> None:
    path = tmp_path / "hostile.bundle"
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0)
    directory = b"".join(entry + b"%05d" % number for number in range(60_000))
    path.write_bytes(directory + end(60_000, len(directory), 0))
    with pytest.raises(BundleError, match="its list of files is too long for six files"):
        read_files(path)
    assert sum(read_bytes) <= DIRECTORY_LIMIT + 1


@pytest.mark.parametrize(
    "name",
    ["/manifest.json", "../manifest.json", "a/../manifest.json", "manifest.json/", "C:\\manifest.json"],
)
def test_names_outside_the_bundle_are_refused(tmp_path: Path, content: Content, name: str) -> None:
    with pytest.raises(BundleError, match=r"do not belong in a bundle|not a bundle"):
        read_files(write_zip(tmp_path / "hostile.bundle", {**content, name: b""}))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFBLK])
def test_only_plain_files_are_read_from_a_zip_file(tmp_path: Path, content: Content, kind: int) -> None:
    path = tmp_path / "hostile.bundle"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (kind if name == MODEL else 0o644 | stat.S_IFREG) << 16
            archive.writestr(entry, data)
    with pytest.raises(BundleError, match="is a link or a folder"):
        read_files(path)


def with_sizes(raw: bytes, name: str, packed: int, plain: int) -> bytes:
    """Returns a zip file whose directory declares other sizes for a file."""
    changed = bytearray(raw)
    at = raw.rindex(name.encode()) - 46
    assert raw[at : at + 4] == b"PK\1\2"
    changed[at + 20 : at + 28] = struct.pack("<2L", packed, plain)
    return bytes(changed)


def test_a_zip_bomb_is_unpacked_up_to_its_limit_only(tmp_path: Path, content: Content, read_bytes: list[int]) -> None:
    path = write_zip(tmp_path / "bomb.bundle", {**content, MANIFEST: b" " * (8 * LIMITS[MANIFEST])})
    with pytest.raises(BundleError, match=rf"{MANIFEST} .* is larger than its limit"):
        read_files(path)
    path.write_bytes(with_sizes(path.read_bytes(), MANIFEST, 9_000, 1_000))
    with pytest.raises(BundleError, match="not a bundle"):
        read_files(path)
    assert sum(read_bytes) < DIRECTORY_LIMIT


def test_a_file_that_unpacks_to_nothing_is_not_read_to_its_end(
    tmp_path: Path, content: Content, read_bytes: list[int]
) -> None:
    empty_blocks = b"\0\0\0\xff\xff" * (MEGABYTE // 4)
    path = write_zip(tmp_path / "slow.bundle", {**content, SIGNATURE: b""})
    raw = path.read_bytes()
    start = raw.index(b"PK\3\4")
    path.write_bytes(with_sizes(raw, SIGNATURE, len(empty_blocks), 64))
    with pytest.raises(BundleError, match=rf"{SIGNATURE} .* is larger than its limit"):
        read_files(path)
    assert start == 0 and sum(read_bytes) < DIRECTORY_LIMIT + LIMITS[MANIFEST]


def test_entries_that_share_their_bytes_are_read_within_their_limits(tmp_path: Path, read_bytes: list[int]) -> None:
    """Six entries lead to the same compressed megabyte, as in a zip bomb without nesting."""
    packed = zlib.compress(bytes(MEGABYTE), 9)[2:-4]
    local = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, zlib.crc32(bytes(MEGABYTE)), len(packed), MEGABYTE, 13, 0
    )
    body, directory = local + MANIFEST.encode() + packed, b""
    for name in LIMITS:
        head = (
            b"PK\1\2",
            20,
            20,
            0,
            8,
            0,
            0,
            zlib.crc32(bytes(MEGABYTE)),
            len(packed),
            MEGABYTE,
            len(name),
            0,
            0,
            0,
            0,
            0,
            0,
        )
        directory += struct.pack("<4s6H3L5H2L", *head) + name.encode()
    path = tmp_path / "overlapping.bundle"
    path.write_bytes(body + directory + end(6, len(directory), len(body)))
    with pytest.raises(BundleError):
        read_files(path)
    assert sum(read_bytes) < DIRECTORY_LIMIT


def test_nothing_but_the_manifest_is_read_until_its_signature_fits(
    tmp_path: Path, content: Content, read_bytes: list[int]
) -> None:
    path = tmp_path / "unsigned.bundle"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**content, MODEL: bytes(16 * MEGABYTE)}.items():
            archive.writestr(name, data)
    checked: list[tuple[bytes, bytes]] = []

    def refuse(manifest: bytes, signature: bytes) -> None:
        checked.append((manifest, signature))
        raise BundleError("the signature does not fit")

    with pytest.raises(BundleError, match="does not fit"):
        read_files(path, refuse)
    assert checked == [(content[MANIFEST], content[SIGNATURE])]
    assert sum(read_bytes) < DIRECTORY_LIMIT


def test_a_folder_with_many_files_is_not_listed_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_NAMES", 3)
    for number in range(5):
        (tmp_path / str(number)).touch()
    with pytest.raises(BundleError, match="do not belong in a bundle") as refused:
        read_files(tmp_path)
    assert str(refused.value).count("'") == 2 * 3


def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(BundleError, match="neither a folder nor a plain file"):
            read_files(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_zip_file_with_changed_bytes_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("changed") / "changed.bundle"
    small = {name: name.encode() * 9 for name in LIMITS}
    raw = bytearray(write_zip(path, small).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    path.write_bytes(raw[: data.draw(st.integers(len(raw) // 2, len(raw)))] if data.draw(st.booleans()) else raw)
    try:
        assert read_files(path) == small
    except BundleError as error:
        assert str(path) in str(error)
