"""The devices that a simulation makes in a service, and deletes."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator

from api.client import Client, ServiceError
from device_runtime.tested_phone import TestedPhone
from thumbprint.service.ledger import DeviceLedger
from thumbprint.service.phone import ServicePhone
from thumbprint.service.stop import Stop, StoppedError


class ServicePhones:
    """Makes the phones of one simulation. Safe to use from several threads."""

    def __init__(self, client: Client, model_id: str, ledger: DeviceLedger, stop: Stop) -> None:
        self._client, self._model_id, self._ledger, self._stop = client, model_id, ledger, stop
        self._kept: dict[str, ServicePhone] = {}

    @contextlib.contextmanager
    def brief(self, user_id: str) -> Iterator[TestedPhone]:
        """A `NewPhone`: a device that is deleted when the block ends."""
        with self._made(user_id) as (device_id, phone):
            yield phone
            self._delete(device_id)

    @contextlib.contextmanager
    def kept(self, user_id: str) -> Iterator[TestedPhone]:
        """A `NewPhone`: a device that stays, unless the block ends in an error."""
        with self._made(user_id) as (_, phone):
            yield phone
            self._kept[user_id] = phone

    @contextlib.contextmanager
    def kept_again(self, user_id: str) -> Iterator[TestedPhone]:
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
    def _made(self, user_id: str) -> Iterator[tuple[str, ServicePhone]]:
        self._stop.heed()
        device_id = f"sim-{secrets.token_hex(12)}"
        self._ledger.add(device_id, user_id)
        try:
            self._create(device_id)
            yield device_id, ServicePhone(self._client, device_id, self._model_id, self._stop)
        except BaseException:
            with contextlib.suppress(ServiceError, StoppedError):  # the ledger has it: the next simulation deletes it
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
