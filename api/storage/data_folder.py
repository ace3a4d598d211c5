"""The folder that holds everything the service stores, and the deletion of what it holds of a device.

Only one server at a time can use the folder:

devices.sqlite    devices, API keys and adaptations, unless the service uses another database
bundles/          the bundle that is served, as apps download it
last_good/        the last bundle that was served, see `device_runtime.inference.last_good`
devices/<id>/     one phone each, see `device_runtime.phone.phone`
trash/            what is left of deleted devices, until it can be removed (see `Trash`)
.lock             locked while a server runs, because two servers would overwrite each other's changes
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from keyboard_model.storage.durable_files import fsync_path

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


_HISTORY = "history.sqlite"
_CHUNK = bytes(1024 * 1024)


@dataclass(frozen=True)
class Remainder:
    """What could not be deleted yet: the files with readable content, and all files and folders."""

    readable: int = 0
    entries: int = 0

    def __bool__(self) -> bool:
        return self.entries > 0

    def __add__(self, other: Remainder) -> Remainder:
        return Remainder(self.readable + other.readable, self.entries + other.entries)


class Trash:
    """The folder of data that is being deleted. What lies in it is the journal: it is deleted until nothing is left.

    A device's folder is moved here first, which frees its name at once and cannot stop halfway. Then each file is
    overwritten and emptied, the history first. So what a user typed is unreadable even if the file itself cannot be
    removed, for example because another program holds its folder. Only then the files and folders are removed.
    Whatever cannot be removed stays here and is tried again.
    """

    def __init__(self, path: Path) -> None:
        """Names the folder, which is made when it is needed. Each entry is named `<device id>.<random>`."""
        self._path = path

    def take(self, folder: Path) -> None:
        """Moves a device's folder here, in one step. If it cannot be moved, its content is erased where it is.

        Raises:
            OSError: it could not be moved, and not all of it could be erased.
        """
        if not os.path.lexists(folder):
            return
        try:
            self._path.mkdir(exist_ok=True, mode=0o700)
            folder.rename(self._path / f"{folder.name}.{secrets.token_hex(8)}")
        except OSError:
            if erase(folder):
                raise
        with contextlib.suppress(OSError):  # the move is done; after a crash it may have to be done again
            fsync_path(folder.parent)
            fsync_path(self._path)

    def devices(self) -> set[str]:
        """Returns the ids of the devices of which something is left."""
        try:
            return {entry.partition(".")[0] for entry in os.listdir(self._path)}
        except OSError:
            return set()

    def empty(self, device_id: str) -> Remainder:
        """Erases what is left of a device. Returns what remains; it never raises an error of the file system."""
        return sum((erase(path) for path in self._path.glob(f"{device_id}.*")), Remainder())


def erase(folder: Path) -> Remainder:
    """Makes every file under a folder unreadable, the history first, then removes the files and the folder.

    It goes on after each error. Returns what is left.
    """
    files, folders = _content(folder)
    for file in sorted(files, key=lambda path: not path.name.startswith(_HISTORY)):
        with contextlib.suppress(OSError):
            _overwrite(file)
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink()
    for each in reversed(folders):  # the innermost first
        with contextlib.suppress(OSError):
            each.unlink() if each.is_symlink() else each.rmdir()
    left_files, left_folders = _content(folder)
    readable = sum(not _is_empty(file) for file in left_files)
    return Remainder(readable, len(left_files) + len(left_folders))


def _content(folder: Path) -> tuple[list[Path], list[Path]]:
    """Returns everything under a folder that is not a folder, and the folders, the outermost first."""
    if not os.path.lexists(folder):
        return [], []
    if not folder.is_dir():
        return [folder], []
    files: list[Path] = []
    folders = [folder]
    for each in folders:  # grows while it is read
        with contextlib.suppress(OSError):
            os.chmod(each, 0o700)
        try:
            found = [Path(entry.path) for entry in os.scandir(each)]
        except OSError:
            continue
        for path in found:
            (folders if path.is_dir() and not path.is_symlink() else files).append(path)
    return files, folders


def _overwrite(path: Path) -> None:
    """Overwrites a plain file with zeros and empties it. Raises OSError if it keeps its size."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return
    with contextlib.suppress(OSError):
        os.chmod(path, 0o600)
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if 512 * status.st_blocks >= status.st_size:  # zeros in the holes of a file would need space on the disk
            with contextlib.suppress(OSError):
                for at in range(0, status.st_size, len(_CHUNK)):
                    os.pwrite(descriptor, _CHUNK[: status.st_size - at], at)
                os.fsync(descriptor)
        os.ftruncate(descriptor, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_empty(path: Path) -> bool:
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        return not stat.S_ISREG(status.st_mode) or status.st_size == 0
    return False
