"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os

import pytest

from keyboard_model.storage.atomic_write import write_private, write_whole


def test_who_may_read(tmp_path):
    write_whole(tmp_path / "shared", b"a")
    write_private(tmp_path / "own", b"b")
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("shared", "own")]
    assert modes == [0o644, 0o600]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_disk_that_fills_up_leaves_what_was_there(tmp_path, monkeypatch, failing):
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
