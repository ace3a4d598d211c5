"""A file of lines that only grows: what was appended is on disk, and a line that a crash cut short is dropped."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


class AppendLog:
    """Opened, and made where missing, for its owner alone: such files speak of single people."""

    def __init__(self, path: Path, error: type[ValueError]) -> None:
        """Args: error: raised in the place of an OSError, here and by `append`, with a message that names the file."""
        self._path, self._error = path, error
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0)
            os.fchmod(self._file.fileno(), 0o600)
        except OSError as fault:
            raise self._failed(fault) from fault

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yields each line with the byte at which it begins, and cuts off at the end what is no whole line."""
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
        """Reads the line that begins at this byte."""
        with open(self._file.fileno(), "rb", closefd=False) as reader:
            reader.seek(begins)
            return reader.readline()

    def append(self, line: bytes) -> int:
        """Appends a line, given without its end, at once and for good. Returns the byte at which it begins.

        Raises:
            error: the disk is full or gone; what was there stays.
        """
        begins = self._file.seek(0, os.SEEK_END)
        left = memoryview(line + b"\n")
        try:
            while left:  # a disk that is nearly full takes a part before it refuses
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as fault:
            with contextlib.suppress(OSError):
                self._file.truncate(begins)
            raise self._failed(fault) from fault
        return begins

    def fileno(self) -> int:
        """The open file's descriptor, for a lock on it."""
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def _failed(self, fault: OSError) -> ValueError:
        return self._error(f"cannot write {self._path}: {fault.strerror or fault}")
