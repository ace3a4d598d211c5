"""Threads that run trials on a service's phones: they wait for answers, and need no processes.

The devices that a simulation makes in a service, and deletes.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from api.client import Client, ServiceError
from device_runtime.simulation.device import Device, NewPhone
from device_runtime.simulation.held_out import SimulatedUser, TrialPlan
from device_runtime.simulation.report import FailedUser
from device_runtime.simulation.trial import Trial, evaluate_device
from device_runtime.simulation.trial_queue import MACHINE_ERRORS, failure
from thumbprint.remote_simulation.device_ledger import DeviceLedger, LedgerError
from thumbprint.remote_simulation.remote_device import BundleChangedError, Cancellation, CancelledError, RemoteDevice

_NOT_THE_USERS = (*MACHINE_ERRORS, CancelledError, LedgerError, BundleChangedError)
_UNFIT = (413, 422)  # what a service answers to a user's data, and to nothing else that is sent here


class RemoteWorkerPool:
    """`workers` threads; a context manager that ends them, soon where the block ends in an error."""

    def __init__(self, new_phone: NewPhone, plan: TrialPlan, workers: int, stop: Cancellation) -> None:
        self._new_phone, self._plan, self._stop = new_phone, plan, stop
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="phone")

    def begin(self, user: SimulatedUser, key: str) -> Future[Trial | FailedUser]:
        """Starts one trial. What is no fault of the user's data is raised by its future: see `RemoteDevice`."""
        return self._pool.submit(self._run, user)

    def _run(self, user: SimulatedUser) -> Trial | FailedUser:
        try:
            with self._new_phone(user.user_id) as phone:
                return evaluate_device(phone, user, self._plan)
        except _NOT_THE_USERS:
            raise
        except ServiceError as error:
            if error.status not in _UNFIT:
                raise
            return failure(user, error)
        except Exception as error:
            return failure(user, error)

    def __enter__(self) -> RemoteWorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._stop.give()
        self._pool.shutdown(cancel_futures=True)


class DevicePool:
    """Makes the phones of one simulation. Safe to use from several threads."""

    def __init__(self, client: Client, model_id: str, ledger: DeviceLedger, stop: Cancellation) -> None:
        self._client, self._model_id, self._ledger, self._stop = client, model_id, ledger, stop
        self._kept: dict[str, RemoteDevice] = {}

    @contextlib.contextmanager
    def brief(self, user_id: str) -> Iterator[Device]:
        """A `NewPhone`: a device that is deleted when the block ends."""
        with self._made(user_id) as (device_id, phone):
            yield phone
            self._delete(device_id)

    @contextlib.contextmanager
    def kept(self, user_id: str) -> Iterator[Device]:
        """A `NewPhone`: a device that stays, unless the block ends in an error."""
        with self._made(user_id) as (_, phone):
            yield phone
            self._kept[user_id] = phone

    @contextlib.contextmanager
    def kept_again(self, user_id: str) -> Iterator[Device]:
        """A `NewPhone`: the user's device that was kept before; where none was, one that is kept now."""
        if user_id in self._kept:
            yield self._kept[user_id]
        else:
            with self.kept(user_id) as phone:
                yield phone

    def delete_all(self) -> None:
        """Deletes every device of the ledger that this service may still have.

        Raises:
            ServiceError: the service refuses or is gone; those not deleted stay in the ledger.
        """
        for device_id in self._ledger.here():
            self._delete(device_id)

    @contextlib.contextmanager
    def _made(self, user_id: str) -> Iterator[tuple[str, RemoteDevice]]:
        self._stop.heed()
        device_id = f"sim-{secrets.token_hex(12)}"
        self._ledger.add(device_id, user_id)
        try:
            self._create(device_id)
            yield device_id, RemoteDevice(self._client, device_id, self._model_id, self._stop)
        except BaseException:
            with contextlib.suppress(ServiceError, CancelledError):  # the ledger has it: the next simulation deletes it
                self._delete(device_id)
            raise

    def _create(self, device_id: str) -> None:
        try:
            self._client.create_device(device_id)
        except ServiceError as error:
            if 400 <= error.status < 500:  # refused: there is none
                self._ledger.gone(device_id)
            raise

    def _delete(self, device_id: str) -> None:
        try:
            self._client.delete_device(device_id)
        except ServiceError as error:
            if error.status != 404:
                raise
        self._ledger.gone(device_id)
