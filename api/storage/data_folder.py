"""The folder that holds everything the service stores. Only one server at a time can use it.

devices.sqlite    devices, API keys and adaptations, unless the service uses another database
bundles/          the bundle that is served, as apps download it
last_good/        the last bundle that was served, see `device_runtime.inference.last_good`
devices/<id>/     one phone each, see `device_runtime.phone.phone`
trash/            what is left of deleted devices, until it can be removed (see `api.storage.trash`)
.lock             locked while a server runs, because two servers would overwrite each other's changes
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

DATABASE = "devices.sqlite"


class ServeError(ValueError):
    """The service cannot start. The message says why and what to do."""


def database_in(path: Path) -> Path:
    """Returns the path of the SQLite file in a data folder. Makes the folder if it is missing.

    Raises:
        ServeError: the folder cannot be used.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ServeError(f"{path} cannot hold the service's data: {error.strerror}") from error
    return path / DATABASE


class DataFolder:
    """A locked data folder, made if it is missing.

    Attributes:
        database: Path of the SQLite file.
        bundles: Folder of the bundle that apps download.
        last_good: Folder of the last bundle that was served.
        phones: Folder that contains each phone's folder.
        trash: Folder of deleted data that could not be removed yet.
    """

    def __init__(self, path: Path) -> None:
        """Locks the folder. The operating system releases the lock when the server's process ends.

        Raises:
            ServeError: another server uses the folder, or it cannot be written.
        """
        self.database = database_in(path)
        self.bundles = path / "bundles"
        self.last_good = path / "last_good"
        self.phones = path / "devices"
        self.trash = path / "trash"
        # The server releases the lock in another thread than the one that acquired it.
        self._lock = FileLock(path / ".lock", mode=0o600, thread_local=False, blocking=False, fallback_to_soft=False)
        try:
            self._lock.acquire()
            self.phones.mkdir(exist_ok=True, mode=0o700)
        except Timeout as error:
            raise ServeError(f"another server runs on {path}: stop it first or use another folder") from error
        except OSError as error:
            self.release()
            raise ServeError(f"{path} cannot hold the service's data: {error.strerror}") from error

    def release(self) -> None:
        """Lets another server use the folder."""
        self._lock.release(force=True)
