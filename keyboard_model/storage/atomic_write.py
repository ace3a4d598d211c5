"""Writes files atomically: a crash of the process or the machine leaves the old or the new content."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def atomic_write(path: Path, data: bytes) -> None:
    """Replaces the content of `path` by `data`, readable by all users.

    Raises:
        OSError: the disk is full or the folder cannot be written; `path` is unchanged.
    """
    _replace(path, data, 0o644)


def atomic_write_private(path: Path, data: bytes) -> None:
    """Like `atomic_write`, but readable by its owner only: for typed text and what was learnt from it."""
    _replace(path, data, 0o600)


def _replace(path: Path, data: bytes, mode: int) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    fsync_path(path.parent)


def fsync_path(path: Path) -> None:
    """Syncs a file's content, or the renames and deletions in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
