"""Files that survive a crash of the process or the machine.

`atomic_write` replaces a file, so that a crash leaves the old or the new content. `AppendLog` appends lines, syncs each
to disk, and drops a line that a crash truncated.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def atomic_write(path: Path, data: bytes) -> None:
    """Replaces the content of `path` by `data`, readable by all users.

    Raises:
        OSError: the disk is full, the folder cannot be written, or `path` is a folder; `path` is unchanged. The error
            names `path`.
    """
    _replace(path, data, 0o644)


def atomic_write_private(path: Path, data: bytes) -> None:
    """Like `atomic_write`, but readable by its owner only: for typed text and what was learnt from it."""
    _replace(path, data, 0o600)


def require_writable(path: Path) -> None:
    """Checks before long work that `atomic_write` can write to `path`; leaves nothing behind.

    Raises:
        OSError: `path` is a folder, or its folder does not exist or cannot be written. The error names `path`.
    """
    with _naming(path):
        descriptor, temporary = _temporary_beside(path)
        os.close(descriptor)
        os.unlink(temporary)


def _replace(path: Path, data: bytes, mode: int) -> None:
    with _naming(path):
        _write_beside(path, data, mode)
    fsync_path(path.parent)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:  # the temporary file's name means nothing to a user
        raise OSError(fault.errno, fault.strerror, str(path)) from fault


def _temporary_beside(path: Path) -> tuple[int, str]:
    if path.is_dir():  # "." would end in EBUSY
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")


def _write_beside(path: Path, data: bytes, mode: int) -> None:
    descriptor, temporary = _temporary_beside(path)
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


def fsync_path(path: Path) -> None:
    """Syncs a file's content, or the renames and deletions in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def erase(path: Path) -> None:
    """Deletes whatever is at `path`: a file, a link (not what it leads to), or a folder with everything in it.

    Does nothing if there is nothing. Call `fsync_path` on the folder around it to make the deletion survive a crash.

    Raises:
        OSError: it cannot be deleted.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class AppendLog:
    """An append-only file, created if missing; only its owner can read it, because it describes single users."""

    def __init__(self, path: Path, error: type[ValueError]) -> None:
        """Args: error: raised instead of OSError, here and by `append`; its message names the file."""
        self._path, self._error = path, error
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0)
            os.fchmod(self._file.fileno(), 0o600)
        except OSError as fault:
            raise self._failed(fault) from fault

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yields each line with its byte offset, then truncates an incomplete line at the end of the file."""
        whole = 0
        with open(self._file.fileno(), "rb", closefd=False) as reader:
            reader.seek(0)
            for line in reader:
                if not line.endswith(b"\n"):
                    break
                yield whole, line
                whole += len(line)
        self._file.truncate(whole)

    def line(self, begins: int) -> bytes:
        """Reads the line at this byte offset."""
        with open(self._file.fileno(), "rb", closefd=False) as reader:
            reader.seek(begins)
            return reader.readline()

    def append(self, line: bytes) -> int:
        """Appends `line`, given without a newline, and syncs it to disk. Returns its byte offset.

        Raises:
            error: the disk is full or unavailable; the file is unchanged.
        """
        begins = self._file.seek(0, os.SEEK_END)
        left = memoryview(line + b"\n")
        try:
            while left:  # an almost full disk accepts a part before it fails
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as fault:
            with contextlib.suppress(OSError):
                self._file.truncate(begins)
            raise self._failed(fault) from fault
        return begins

    def fileno(self) -> int:
        """Returns the descriptor of the open file, to lock it."""
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def _failed(self, fault: OSError) -> ValueError:
        return self._error(f"cannot write {self._path}: {fault.strerror or fault}")
