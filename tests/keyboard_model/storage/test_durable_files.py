"""Files that are replaced whole or not at all, and a log that drops truncated lines."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from keyboard_model.storage.durable_files import AppendLog, atomic_write, atomic_write_private, require_writable


def test_file_permissions(tmp_path):
    atomic_write(tmp_path / "shared", b"a")
    atomic_write_private(tmp_path / "own", b"b")
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("shared", "own")]
    assert modes == [0o644, 0o600]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_unchanged(tmp_path, monkeypatch, failing):
    path = tmp_path / "file"
    atomic_write(path, b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left") as error:
        atomic_write(path, b"new")
    assert error.value.filename == str(path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["folder", "."])
def test_a_folder_is_not_replaced_by_a_file(tmp_path, monkeypatch, name):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsADirectoryError, match="Is a directory") as error:
        atomic_write(Path(name), b"new")
    assert error.value.filename == name
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("name", ["folder", ".", "missing/file", "a" * 300])
def test_an_unusable_place_is_known_before_there_is_something_to_write(tmp_path, monkeypatch, name):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match=r"Is a directory|No such file|File name too long") as before:
        require_writable(Path(name))
    with pytest.raises(OSError, match=before.value.strerror) as then:
        atomic_write(Path(name), b"new")
    assert before.value.filename == then.value.filename == name
    require_writable(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


class FileError(ValueError):
    pass


def lines(path):
    file = AppendLog(path, FileError)
    found = list(file.lines())
    file.close()
    return found


def test_appended_lines_are_read_back_with_their_offsets(tmp_path):
    file = AppendLog(tmp_path / "f", FileError)
    assert [file.append(line) for line in (b"one", b"", b"three")] == [0, 4, 5]
    assert file.line(5) == b"three\n"
    assert file.append(b"four") == 11  # reading has not moved the end
    file.close()
    assert lines(tmp_path / "f") == [(0, b"one\n"), (4, b"\n"), (5, b"three\n"), (11, b"four\n")]


def test_the_file_becomes_private_to_its_owner(tmp_path):
    (tmp_path / "f").write_bytes(b"one\n")
    (tmp_path / "f").chmod(0o644)
    assert lines(tmp_path / "f") == [(0, b"one\n")]
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


def test_an_incomplete_last_line_is_dropped(tmp_path):
    (tmp_path / "f").write_bytes(b"one\ntw")
    assert lines(tmp_path / "f") == [(0, b"one\n")]
    assert (tmp_path / "f").read_bytes() == b"one\n"


def test_a_partial_write_is_an_error_and_is_undone(tmp_path, monkeypatch):
    file = AppendLog(tmp_path / "f", FileError)
    file.append(b"one")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(FileError, match=rf"cannot write {tmp_path / 'f'}: No space left on device"):
        file.append(b"two")
    monkeypatch.undo()
    file.append(b"three")
    file.close()
    assert lines(tmp_path / "f") == [(0, b"one\n"), (4, b"three\n")]


def test_a_file_that_cannot_be_created_is_an_error(tmp_path):
    with pytest.raises(FileError, match=r"cannot write .*nowhere"):
        AppendLog(tmp_path / "nowhere" / "f", FileError)
