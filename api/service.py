"""The state of the service's process: one engine, any number of devices, one database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.auth.api_keys import ApiKeys
from api.bundle_archive import archive
from api.devices.adaptation_jobs import AdaptationJobs, Job
from api.devices.adaptation_queue import Adaptations
from api.devices.phone_pool import MAX_OPEN, PhonePool
from api.devices.registry import Registry, UnknownDeviceError
from api.observability.metrics import Metrics
from api.storage.data_folder import DataFolder
from api.storage.migrate import open_database
from api.thread_limiter import SlowEndpointLimiter
from device_runtime.adaptation.adapt import Adaptation
from device_runtime.adaptation.trainer import SubprocessTrainer
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone


class Service:
    """The engine, the devices, the keys and the queue of adaptations."""

    def __init__(
        self,
        bundle_path: Path,
        public_key: Path,
        data: Path,
        database: str | None = None,
        max_open: int = MAX_OPEN,
        blocked: frozenset[str] = frozenset(),
    ) -> None:
        """Verifies and loads the bundle, locks the data folder, and resumes interrupted deletions and adaptations.

        Raises:
            BundleError, KeyFileError: the bundle or the key cannot be used.
            ServeError: the data folder or the database cannot be used.
        """
        self.bundle = load_bundle(bundle_path, public_key)
        self.metrics = Metrics()
        self.slow = SlowEndpointLimiter()
        self._folder = DataFolder(data)
        try:
            self.archive = archive(self._folder.bundles, self.bundle, public_key)
            self._database = open_database(database or self._folder.database, to_serve=True)
        except BaseException:
            self._folder.release()
            raise
        try:
            self.registry = Registry(self._database)
            self.keys = ApiKeys(self._database)
            self.jobs = AdaptationJobs(self._database)
            engine = Engine(self.bundle, num_threads=1)
            self._trainer = SubprocessTrainer(self.bundle)
            self.phones = PhonePool(
                self._folder.phones, engine, max_open, self.registry.require, self._trainer, blocked
            )
            self.adaptations = Adaptations(self.jobs, self._adapt, self.model_id)
            self._resume()
        except BaseException:
            self._database.close()
            self._folder.release()
            raise
        self._measure()

    @property
    def model_id(self) -> str:
        return self.bundle.manifest.model_id

    @property
    def label(self) -> str:
        """Describes what is served; a model of synthetic messages is always marked as such."""
        name = f"the bundle {self.bundle.manifest.name}"
        if self.bundle.manifest.provenance.synthetic:
            return f"{name} (SYNTHETIC: its model learnt from messages that a program made up)"
        return name

    @contextmanager
    def phone(self, device_id: str) -> Iterator[Phone]:
        """Gives a registered device's phone until the block ends.

        Raises:
            UnknownDeviceError: it is not registered.
            PhoneError: it cannot be opened.
        """
        with self.phones.use(device_id) as phone:
            yield phone

    @contextmanager
    def phone_at_hand(self, device_id: str) -> Iterator[Phone | None]:
        """Like `phone` without waiting; None if the phone is not ready."""
        with self.phones.at_hand(device_id) as phone:
            yield phone if self.registry.remembers(device_id) else None

    def adapt(self, device_id: str) -> Job:
        """Queues a device; see `Adaptations.start`. Raises UnknownDeviceError if it is not registered."""
        self.registry.require(device_id)
        return self.adaptations.start(device_id)

    def delete(self, device_id: str) -> None:
        """Deletes a device and all of its data; the next start finishes an interrupted deletion.

        Raises:
            UnknownDeviceError: it is not registered.
            OSError, DatabaseError: some of its data cannot be deleted now.
        """
        self.registry.begin_deleting(device_id)
        self._end_deleting(device_id)

    def check(self) -> None:
        """Raises DatabaseError if the database cannot be read."""
        len(self.registry)

    def close(self) -> None:
        """Waits for running work, then closes everything. Acknowledged changes are on disk already."""
        self.adaptations.close()
        self.phones.close()
        self._trainer.rest()
        self._database.close()
        self._folder.release()

    def _adapt(self, device_id: str) -> Adaptation:
        try:
            with self.phone(device_id) as phone:
                result = phone.adapt()
        except UnknownDeviceError:
            raise
        except Exception:
            self.metrics.adapted("failed")
            raise
        self.metrics.adapted("kept" if result.verdict.kept else "not kept")
        return result

    def _resume(self) -> None:
        for device_id in self.registry.half_deleted():
            self._end_deleting(device_id)
        self.adaptations.resume()

    def _end_deleting(self, device_id: str) -> None:
        self.phones.delete(device_id)
        self.registry.end_deleting(device_id)

    def _measure(self) -> None:
        self.metrics.gauge("devices", "Devices registered.", lambda: len(self.registry))
        self.metrics.gauge("open_phones", "Phones held open.", lambda: len(self.phones))
        self.metrics.gauge("adaptations_underway", "Adaptations running and waiting.", lambda: len(self.adaptations))
