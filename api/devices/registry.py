"""The table of registered devices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from cachetools import LRUCache
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from api.storage.database import Database, DatabaseError
from api.storage.schema import ADAPTATIONS, DEVICES

_MAX_REMEMBERED = 100_000
_EXISTS = select(DEVICES.c.id).where(~DEVICES.c.deleting)
_PAGE = select(DEVICES.c.id, DEVICES.c.created_at).where(~DEVICES.c.deleting).order_by(DEVICES.c.id)
_COUNT = select(func.count()).select_from(DEVICES).where(~DEVICES.c.deleting)


class UnknownDeviceError(ValueError):
    """There is no device with this id."""


class DeviceTakenError(ValueError):
    """There is already a device with this id."""


class TooManyCreationsError(ValueError):
    """Too many devices are being created at once."""


class DeletingError(DeviceTakenError):
    """The device with this id is being deleted, and its id is not free yet."""


@dataclass(frozen=True)
class Device:
    """A registered device; `created_at` in UTC."""

    id: str
    created_at: datetime


class Registry:
    """The table of devices. Safe to use from several threads. No other process changes the table meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Every request checks its device, and PostgreSQL takes half a millisecond to answer.
        self._known: LRUCache[str, None] = LRUCache(_MAX_REMEMBERED)
        self._lock = threading.Lock()

    @contextmanager
    def adding(self, device_id: str) -> Iterator[Device]:
        """Registers a device, and removes it again if the block ends with an exception.

        No transaction is open meanwhile: opening the phone takes longer than the writer's turn of the others.

        Raises:
            DeviceTakenError, DeletingError: the id is in use.
            DatabaseError: the table cannot be written.
        """
        device = Device(device_id, datetime.now(UTC))
        try:
            with self._database.writing() as connection:
                connection.execute(insert(DEVICES).values(id=device.id, created_at=device.created_at))
        except DatabaseError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
            if device_id in self.partly_deleted():
                raise DeletingError("the device with this id is still being deleted: try again later") from error
            raise DeviceTakenError("there is already a device with this id") from error
        try:
            yield device
        except BaseException:
            with self._lock, self._database.writing() as connection:
                connection.execute(delete(DEVICES).where(DEVICES.c.id == device_id, ~DEVICES.c.deleting))
                self._known.pop(device_id, None)
            raise

    def remembers(self, device_id: str) -> bool:
        """Whether the device is registered, as far as the cache knows, without a query."""
        return device_id in self._known

    def require(self, device_id: str) -> None:
        """Raises UnknownDeviceError unless the device is registered."""
        if self.remembers(device_id):
            return
        with self._lock:
            with self._database.reading() as connection:
                found = connection.execute(_EXISTS.where(DEVICES.c.id == device_id)).first()
            if found is None:
                raise UnknownDeviceError("there is no device with this id: create it with POST /v1/devices")
            self._known[device_id] = None

    def device(self, device_id: str) -> Device:
        """Returns a device. Raises UnknownDeviceError if it is not registered."""
        self.require(device_id)
        with self._database.reading() as connection:
            found = connection.execute(_PAGE.where(DEVICES.c.id == device_id)).first()
        if found is None:
            raise UnknownDeviceError("there is no device with this id: create it with POST /v1/devices")
        return Device(found.id, found.created_at)

    def page(self, after: str, limit: int) -> list[Device]:
        """Returns at most `limit` devices whose ids come after `after`, sorted by id."""
        with self._database.reading() as connection:
            found = connection.execute(_PAGE.where(DEVICES.c.id > after).limit(limit))
            return [Device(row.id, row.created_at) for row in found]

    def begin_deleting(self, device_id: str) -> None:
        """Makes a device unknown. Its id stays in use until `end_deleting`, even if the process dies before that.

        Raises:
            UnknownDeviceError: it is not registered, or its deletion has already begun.
        """
        with self._lock:  # no thread must cache the device between the commit and its removal from the cache
            with self._database.writing() as connection:
                wanted = update(DEVICES).where(DEVICES.c.id == device_id, ~DEVICES.c.deleting)
                found = connection.execute(wanted.values(deleting=True)).rowcount
            self._known.pop(device_id, None)
        if not found:
            raise UnknownDeviceError("there is no device with this id")

    def end_deleting(self, device_id: str) -> None:
        """Deletes the rows of a device from the database."""
        with self._database.writing() as connection:
            connection.execute(delete(ADAPTATIONS).where(ADAPTATIONS.c.device_id == device_id))
            connection.execute(delete(DEVICES).where(DEVICES.c.id == device_id, DEVICES.c.deleting))

    def partly_deleted(self) -> list[str]:
        """Returns the ids of the devices whose deletion began and did not end."""
        with self._database.reading() as connection:
            return list(connection.execute(select(DEVICES.c.id).where(DEVICES.c.deleting)).scalars())

    def __len__(self) -> int:
        with self._database.reading() as connection:
            return connection.execute(_COUNT).scalar_one()
