"""The deletion of devices as a journal: begun once, it is carried out sooner or later, whatever happens meanwhile.

1. The registry marks the device. From then on it is unknown, and no request opens it.
2. Its folder is moved to the trash, when its last user has left. Its id is free again.
3. The trash makes the files unreadable and removes them.

The mark and the trash are on disk, so every step that fails is repeated: by the next DELETE, by a thread of this
process, and by the next start.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from api.devices.phone_pool import PhonePool
from api.devices.registry import Registry, UnknownDeviceError
from api.observability import LOG
from api.storage.data_folder import Remainder, Trash
from api.storage.database import DatabaseError

RETRY_SECONDS = 30.0
"""How long the thread waits before it tries again what could not be deleted."""
_CLOSE_SECONDS = 2.0


@dataclass(frozen=True)
class Deletion:
    """What is left of a deleted device: files, and whether its id is still in use."""

    remainder: Remainder
    id_in_use: bool

    @property
    def is_done(self) -> bool:
        return not self.remainder and not self.id_in_use


class Deletions:
    """The deletions of one service. Safe to use from several threads."""

    def __init__(self, registry: Registry, phones: PhonePool, trash: Trash) -> None:
        self._registry = registry
        self._phones = phones
        self._trash = trash
        self._underway: set[str] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._retry_regularly, name="deletions", daemon=True)

    def delete(self, device_id: str) -> Deletion:
        """Begins a deletion, or continues one, and carries it out as far as possible now.

        Raises:
            UnknownDeviceError: there is no such device, and nothing is left of one.
            DatabaseError: the deletion could not begin. Nothing was changed.
        """
        try:
            self._registry.begin_deleting(device_id)
        except UnknownDeviceError:
            if device_id not in self._registry.partly_deleted() and device_id not in self._trash.devices():
                raise
        return self._continue(device_id)

    def resume(self) -> None:
        """Continues every deletion that has begun. It raises no error: what fails stays in the journal."""
        try:
            begun = {*self._registry.partly_deleted(), *self._trash.devices()}
            for device_id in begun:
                if not self._closing.is_set():
                    self._continue(device_id)
        except DatabaseError as error:
            LOG.error("deletions cannot be continued now: %s", error)

    def start(self) -> None:
        """Starts the thread that continues deletions from time to time."""
        self._thread.start()

    def close(self) -> None:
        """Stops the thread. What it was doing is continued at the next start."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_SECONDS)

    def _continue(self, device_id: str) -> Deletion:
        with self._lock:
            if device_id in self._underway:  # another thread is at it
                return Deletion(Remainder(), id_in_use=True)
            self._underway.add(device_id)
        try:
            in_use = self._keeps_its_id(device_id)
            return Deletion(self._empty(device_id), in_use)
        finally:
            with self._lock:
                self._underway.discard(device_id)

    def _keeps_its_id(self, device_id: str) -> bool:
        """Moves a device's folder to the trash and removes its rows. Returns whether that has to be tried again."""
        try:
            if device_id in self._registry.partly_deleted():
                self._phones.delete(device_id, self._trash.take)
                self._registry.end_deleting(device_id)
            return False
        except (OSError, DatabaseError, RuntimeError) as error:  # RuntimeError: busy, or the service is closing
            LOG.error("the deletion of a device is not finished and will be tried again: %s", error)
            return True

    def _empty(self, device_id: str) -> Remainder:
        remainder = self._trash.empty(device_id)
        if remainder:
            LOG.error(
                "%d files and folders of a deleted device cannot be removed, %d of them can be read: see the folder "
                "trash in the data folder; they will be tried again",
                remainder.entries,
                remainder.readable,
            )
        return remainder

    def _retry_regularly(self) -> None:
        while not self._closing.wait(RETRY_SECONDS):
            self.resume()
