"""The folder that holds everything the service keeps, held by one server at a time.

devices.sqlite    which devices there are
devices/<id>/     one phone each, see `device_runtime.phone`
.lock             held, not read: two servers would give each other's phones up
"""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path

from api.serve_error import ServeError


class DataFolder:
    """A data folder, made where there is none, and its lock.

    Attributes:
        registry: Path of the table of devices.
        phones: Folder of the phones' folders.
    """

    def __init__(self, path: Path) -> None:
        """Takes the lock. A dead server's is let go by the system.

        Raises:
            ServeError: another server holds the folder, or it cannot be used.
        """
        self.registry = path / "devices.sqlite"
        self.phones = path / "devices"
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ServeError(f"{path} cannot hold the service's data: {error.strerror}") from error
        self._release = weakref.finalize(self, os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.phones.mkdir(exist_ok=True, mode=0o700)
        except BlockingIOError as error:
            self.release()
            raise ServeError(f"another server runs on {path}: end it first, or give this one other data") from error
        except OSError as error:
            self.release()
            raise ServeError(f"{path} cannot hold the service's data: {error.strerror}") from error

    def release(self) -> None:
        """Lets another server have the folder."""
        self._release()
