"""The folder that holds everything the service keeps, held by one server at a time.

devices.sqlite    devices, API keys and adaptations, unless another database keeps them
bundles/          the bundle that is served, as apps download it
devices/<id>/     one phone each, see `device_runtime.phone.phone`
.lock             held, not read: two servers would give each other's phones up
"""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path

from api.errors import ServeError

DATABASE = "devices.sqlite"


def database_in(path: Path) -> Path:
    """Returns the path of the SQLite file in a data folder, which is made where there is none.

    Raises:
        ServeError: the folder cannot be used.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ServeError(f"{path} cannot hold the service's data: {error.strerror}") from error
    return path / DATABASE


class DataFolder:
    """A data folder, made where there is none, and its lock.

    Attributes:
        database: Path of the SQLite file.
        bundles: Folder of the download.
        phones: Folder of the phones' folders.
    """

    def __init__(self, path: Path) -> None:
        """Takes the lock. A dead server's is let go by the system.

        Raises:
            ServeError: another server holds the folder, or it cannot be used.
        """
        self.database = database_in(path)
        self.bundles = path / "bundles"
        self.phones = path / "devices"
        try:
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
