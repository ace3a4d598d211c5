"""One process at a time: a lock file that is let go however its holder ends."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def exclusive_lock(folder: Path, name: str, error: type[ValueError], taken: str) -> Iterator[None]:
    """Holds `folder`, made where missing, by the lock file `name` in it.

    Raises:
        error: the folder cannot be written to, or (saying `taken`) another process holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / name).open("w")
    except OSError as fault:
        raise error(f"cannot write to {folder}: {fault.strerror}") from fault
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise error(taken) from fault
        yield
