"""What one process of the service holds: one engine, any number of devices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.adaptations import Adaptations
from api.data_folder import DataFolder
from api.open_phones import MAX_OPEN, OpenPhones
from api.registry import Registry
from device_runtime.bundle import load_bundle
from device_runtime.engine import Engine
from device_runtime.phone import Phone


class UnknownDeviceError(ValueError):
    """There is no device of this id."""


class Service:
    """The engine, the devices and who adapts now."""

    def __init__(self, bundle_path: Path, public_key: Path, data: Path, max_open: int = MAX_OPEN) -> None:
        """Verifies the bundle, loads it and takes the data folder.

        Raises:
            BundleError, KeyFileError: the bundle or the key cannot be used.
            ServeError: the data folder cannot be used.
        """
        self.bundle = load_bundle(bundle_path, public_key)
        self.adaptations = Adaptations()
        self._folder = DataFolder(data)
        try:
            engine = Engine(self.bundle, num_threads=1)
            self.registry = Registry(self._folder.registry)
            self.phones = OpenPhones(self._folder.phones, engine, max_open)
        except BaseException:
            self._folder.release()
            raise

    @property
    def model_id(self) -> str:
        return self.bundle.manifest.model_id

    @property
    def label(self) -> str:
        """What is served, in words: a model of made-up messages is always called so."""
        name = f"the bundle {self.bundle.manifest.name}"
        if self.bundle.manifest.provenance.synthetic:
            return f"{name} (SYNTHETIC: its model learnt from messages that a program made up)"
        return name

    def require(self, device_id: str) -> None:
        """Raises UnknownDeviceError unless the device is registered."""
        if device_id not in self.registry:
            raise UnknownDeviceError("there is no device of this id: create it with POST /v1/devices")

    @contextmanager
    def phone(self, device_id: str) -> Iterator[Phone]:
        """Gives a registered device's phone until the block ends."""
        self.require(device_id)
        with self.phones.use(device_id) as phone:
            yield phone

    def close(self) -> None:
        """Waits for the work underway, then closes everything: what was acknowledged is on disk already."""
        self.phones.close()
        self.registry.close()
        self._folder.release()
