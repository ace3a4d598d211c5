"""The folder that holds everything the service keeps; one server at a time may use it.

devices.sqlite    devices, API keys and adaptations, unless another database keeps them
bundles/          the bundle that is served, as apps download it
devices/<id>/     one phone each, see `device_runtime.phone.phone`
.lock             locked while a server runs: two servers would disagree about the phones
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

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
    """A data folder, which is made if it is missing, and its lock.

    Attributes:
        database: Path of the SQLite file.
        bundles: Folder of the download.
        phones: Folder of the phones' folders.
    """

    def __init__(self, path: Path) -> None:
        """Takes the lock. The system releases it when a server dies.

        Raises:
            ServeError: another server uses the folder, or it cannot be written.
        """
        self.database = database_in(path)
        self.bundles = path / "bundles"
        self.phones = path / "devices"
        # The server closes in another thread than it starts in.
        self._lock = FileLock(path / ".lock", mode=0o600, thread_local=False, blocking=False, fallback_to_soft=False)
        try:
            self._lock.acquire()
            self.phones.mkdir(exist_ok=True, mode=0o700)
        except Timeout as error:
            raise ServeError(f"another server runs on {path}: end it first, or give this one other data") from error
        except OSError as error:
            self.release()
            raise ServeError(f"{path} cannot hold the service's data: {error.strerror}") from error

    def release(self) -> None:
        """Lets another server use the folder."""
        self._lock.release(force=True)
