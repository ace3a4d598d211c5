"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os

import pytest

from keyboard_model.storage.atomic_write import atomic_write, atomic_write_private


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
    with pytest.raises(OSError, match="No space left"):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
