"""A lock on a folder that one process holds at a time; the operating system releases it however the process ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout


@contextlib.contextmanager
def exclusive_lock(folder: Path, name: str, error: type[ValueError], taken: str) -> Iterator[None]:
    """Holds the lock file `name` in `folder` until the block ends; makes the folder where it is missing.

    Raises:
        error: The folder cannot be written to, or another process holds the lock (the message is then `taken`).
    """
    lock = FileLock(folder / name, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as fault:
        raise error(taken) from fault
    except OSError as fault:
        raise error(f"cannot write to {folder}: {fault.strerror}") from fault
    try:
        yield
    finally:
        lock.release()
