"""The devices of a running service in the role of simulated phones, and the ledger that lists them."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from pydantic import BaseModel, ConfigDict, ValidationError

from api.client import Client, ServiceError
from api.schemas.adaptations import UNDERWAY, Adaptation
from api.schemas.base import MAX_PREFIX, MAX_TEXT
from api.schemas.predictions import Message as ObservedMessage
from api.schemas.predictions import PredictionRequest
from device_runtime.phone.message_history import storable
from device_runtime.simulation.device import SHOWN, AdaptationOutcome, Device, PredictionQuery
from device_runtime.simulation.held_out import Message
from device_runtime.simulation.report import GateVerdict, write_file
from keyboard_model.storage.durable_files import AppendLog

_ADAPTATION_WAIT = 2.0  # longest request for an adaptation, in seconds: Ctrl-C waits as long
_POLL_PAUSE = 0.1  # seconds between two such requests, in case the service answers at once


class CancelledError(RuntimeError):
    """The simulation was stopped, so this thread must not continue."""


class Cancellation:
    """A stop signal from the main thread. The other threads check it between two requests."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Makes every other thread stop before its next request."""
        self._cancelled.set()

    def check(self) -> None:
        """Raises CancelledError after a cancellation."""
        if self._cancelled.is_set():
            raise CancelledError("the simulation was stopped")

    def sleep(self, seconds: float) -> None:
        """Sleeps. A cancellation ends the sleep and raises CancelledError."""
        self._cancelled.wait(seconds)
        self.check()


class PhoneDataError(ValueError):
    """The service cannot process the messages of this user. It does not affect other users."""


class BundleChangedError(ValueError):
    """The service runs another bundle than at the start of the simulation."""


class RemoteDevice:
    """A `Device` over HTTP. The device `device_id` must be new; its creator deletes it."""

    batch_size = 25  # the contexts of 25 words on both keyboards: about what the service's engine caches for two phones

    def __init__(self, client: Client, device_id: str, model_id: str, cancellation: Cancellation) -> None:
        self._client, self._device_id, self._model_id = client, device_id, model_id
        self._cancellation = cancellation

    def learn(self, messages: Sequence[Message]) -> AdaptationOutcome:
        """See `Device`.

        Raises:
            ServiceError: the service refuses or is gone.
            PhoneDataError, BundleChangedError: see there.
        """
        self._cancellation.check()
        self._client.observe(self._device_id, [_observed(message) for message in messages])
        adaptation = self._adapt()
        self._check_bundle(adaptation.model_id)
        if adaptation.verdict is None:
            raise PhoneDataError(f"the adaptation failed: {adaptation.reason}")
        verdict = GateVerdict(kept=adaptation.verdict.kept, reason=adaptation.verdict.reason)
        return AdaptationOutcome(verdict, adaptation.seconds or 0.0)

    def observe(self, message: Message) -> None:
        """See `Device`. Raises ServiceError and PhoneDataError."""
        self._cancellation.check()
        self._client.observe(self._device_id, [_observed(message)])

    def suggest(self, queries: Sequence[PredictionQuery], personal: bool) -> list[list[str]]:
        """See `Device`. There are no suggestions for prefixes that are longer than the service allows."""
        self._cancellation.check()
        allowed = [query for query in queries if query.typed <= MAX_PREFIX]
        requests = [_request(query, personal) for query in allowed]
        answers = iter(self._client.predict_batch(self._device_id, requests))
        return [[key.word for key in next(answers)] if query.typed <= MAX_PREFIX else [] for query in queries]

    def adapter_bytes(self) -> int:
        """See `Device`."""
        self._cancellation.check()
        device = self._client.device(self._device_id)
        self._check_bundle(device.model_id)
        return len(self._client.adapter(self._device_id)) if device.personal else 0

    def _adapt(self) -> Adaptation:
        adaptation = self._client.adapt(self._device_id, wait=_ADAPTATION_WAIT)
        while adaptation.state in UNDERWAY:
            self._cancellation.sleep(_POLL_PAUSE)
            adaptation = self._client.adaptation(self._device_id, adaptation.adaptation_id, wait=_ADAPTATION_WAIT)
        return adaptation

    def _check_bundle(self, model_id: str) -> None:
        if model_id != self._model_id:
            raise BundleChangedError("the service runs another bundle than at the start of the simulation")


def _observed(message: Message) -> ObservedMessage:
    at, text = message
    text = storable(text)
    if len(text) > MAX_TEXT:
        raise PhoneDataError(f"a message has {len(text):,} characters, but the service accepts at most {MAX_TEXT:,}")
    return ObservedMessage(text=text, timestamp=at)


def _request(query: PredictionQuery, personal: bool) -> PredictionRequest:
    # The beginning of a longer message is never read: see `device_runtime.inference.context_cache`.
    context = storable(query.word.context)[-MAX_TEXT:]
    return PredictionRequest(context=context, prefix=storable(query.prefix), k=SHOWN, personal=personal)


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
