"""The devices that a simulation creates in a service and deletes again, and the ledger that lists them."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from pydantic import BaseModel, ConfigDict, ValidationError

from api.client import Client, ServiceError
from device_runtime.simulation.device import Device
from device_runtime.simulation.report import write_file
from keyboard_model.storage.durable_files import AppendLog
from thumbprint.remote_simulation.remote_device import Cancellation, CancelledError, RemoteDevice


class _Entry(BaseModel):
    """One line of the ledger's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str
    device_id: str
    user_id: str


class LedgerError(ValueError):
    """The ledger cannot be read or written; the message says why."""


class DeviceLedger:
    """`devices.jsonl`: the devices of a simulation that may exist now. A context manager, safe for several threads.

    A device is listed before it is created. Whatever kills the simulation, the next one therefore finds it here. The
    exit removes deleted devices from the file, and the file itself if no device is left.
    """

    def __init__(self, path: Path, service: str) -> None:
        """Opens the ledger of devices at the URL `service`. Raises LedgerError: `path` cannot be read or written."""
        self._path, self._service = path, service
        self._lock = threading.Lock()
        self._file = AppendLog(path, LedgerError)
        self._entries = {entry.device_id: entry for entry in self._read()}

    def _read(self) -> list[_Entry]:
        entries = []
        for _, line in self._file.lines():  # a line that a crash cut short is of a device that was not created
            try:
                entries.append(_Entry.model_validate_json(line))
            except ValidationError:
                continue  # written by another version
        return entries

    def add(self, device_id: str, user_id: str) -> None:
        """Lists a device that is about to be created. Raises LedgerError: the file cannot be written."""
        entry = _Entry(service=self._service, device_id=device_id, user_id=user_id)
        with self._lock:
            self._file.append(entry.model_dump_json().encode())
            self._entries[device_id] = entry

    def remove(self, device_id: str) -> None:
        """Removes a device that does not exist any more."""
        with self._lock:
            self._entries.pop(device_id, None)

    def device_ids(self) -> list[str]:
        """Returns the ids of the devices that this service may have."""
        with self._lock:
            return [entry.device_id for entry in self._entries.values() if entry.service == self._service]

    def other_services(self) -> list[str]:
        """Returns the URLs of other services that may have devices of earlier simulations into this folder."""
        with self._lock:
            return sorted({entry.service for entry in self._entries.values()} - {self._service})

    def __enter__(self) -> DeviceLedger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._entries:
            lines = (entry.model_dump_json().encode() + b"\n" for entry in self._entries.values())
            write_file(self._path, b"".join(lines))
        else:
            self._path.unlink(missing_ok=True)


class ServiceDevices:
    """Creates and deletes the devices of one simulation. Safe for several threads."""

    def __init__(self, client: Client, model_id: str, ledger: DeviceLedger, cancellation: Cancellation) -> None:
        self._client, self._model_id, self._ledger, self._cancellation = client, model_id, ledger, cancellation
        self._kept: dict[str, RemoteDevice] = {}

    @contextlib.contextmanager
    def temporary(self, user_id: str) -> Iterator[Device]:
        """A `DeviceFactory`: a device that is deleted at the end of the block."""
        with self._created(user_id) as (device_id, phone):
            yield phone
            self._delete(device_id)

    @contextlib.contextmanager
    def kept(self, user_id: str) -> Iterator[Device]:
        """A `DeviceFactory`: a device that stays, unless the block ends with an error."""
        with self._created(user_id) as (_, phone):
            yield phone
            self._kept[user_id] = phone

    @contextlib.contextmanager
    def kept_or_new(self, user_id: str) -> Iterator[Device]:
        """A `DeviceFactory`: the device that `kept` created for this user, or a new one that stays."""
        if user_id in self._kept:
            yield self._kept[user_id]
        else:
            with self.kept(user_id) as phone:
                yield phone

    def delete_all(self) -> None:
        """Deletes every device in the ledger that this service may still have.

        Raises:
            ServiceError: the service refuses or is gone. Devices that were not deleted stay in the ledger.
        """
        for device_id in self._ledger.device_ids():
            self._delete(device_id)

    @contextlib.contextmanager
    def _created(self, user_id: str) -> Iterator[tuple[str, RemoteDevice]]:
        self._cancellation.check()
        device_id = f"sim-{secrets.token_hex(12)}"
        self._ledger.add(device_id, user_id)
        try:
            self._create(device_id)
            yield device_id, RemoteDevice(self._client, device_id, self._model_id, self._cancellation)
        except BaseException:
            # If this fails, the device stays in the ledger, and the next simulation deletes it.
            with contextlib.suppress(ServiceError, CancelledError):
                self._delete(device_id)
            raise

    def _create(self, device_id: str) -> None:
        try:
            self._client.create_device(device_id)
        except ServiceError as error:
            if 400 <= error.status < 500:  # refused, so the device does not exist
                self._ledger.remove(device_id)
            raise

    def _delete(self, device_id: str) -> None:
        try:
            self._client.delete_device(device_id)
        except ServiceError as error:
            if error.status != 404:
                raise
        self._ledger.remove(device_id)
