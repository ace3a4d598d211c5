"""`devices.jsonl`: which devices of which service are a simulation's, so that none is left behind unknown."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from pydantic import BaseModel, ConfigDict, ValidationError

from device_runtime.simulation.report import write_file
from keyboard_model.storage.durable_files import AppendLog


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    service: str
    device_id: str
    user_id: str


class LedgerError(ValueError):
    """The devices cannot be noted; the message says why."""


class DeviceLedger:
    """The devices that may be there now; a context manager. Safe to use from several threads.

    A device is noted before it is made: whatever kills the simulation, the next one finds it here. Of those that are
    gone the file is rid at the end, and it is removed where none is left.
    """

    def __init__(self, path: Path, service: str) -> None:
        """Raises LedgerError: `path` cannot be read or written."""
        self._path, self._service = path, service
        self._lock = threading.Lock()
        self._file = AppendLog(path, LedgerError)
        self._lines = {line.device_id: line for line in self._read()}

    def _read(self) -> list[_Line]:
        found = []
        for _, line in self._file.lines():  # the device of a line that a crash cut short was not made
            try:
                found.append(_Line.model_validate_json(line))
            except ValidationError:
                continue  # of another version
        return found

    def add(self, device_id: str, user_id: str) -> None:
        """Notes a device that is about to be made. Raises LedgerError: it cannot be noted."""
        line = _Line(service=self._service, device_id=device_id, user_id=user_id)
        with self._lock:
            self._file.append(line.model_dump_json().encode())
            self._lines[device_id] = line

    def gone(self, device_id: str) -> None:
        """Notes that a device is no more."""
        with self._lock:
            self._lines.pop(device_id, None)

    def here(self) -> list[str]:
        """Ids of the devices that this service may have."""
        with self._lock:
            return [line.device_id for line in self._lines.values() if line.service == self._service]

    def elsewhere(self) -> list[str]:
        """Services that may have devices of earlier simulations into this folder."""
        with self._lock:
            return sorted({line.service for line in self._lines.values()} - {self._service})

    def __enter__(self) -> DeviceLedger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._lines:
            write_file(self._path, b"".join(line.model_dump_json().encode() + b"\n" for line in self._lines.values()))
        else:
            self._path.unlink(missing_ok=True)
