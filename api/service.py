"""The state of the service: one engine, any number of devices, one database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, fail_after, to_thread

from api.auth.api_keys import ApiKeys
from api.devices.adaptation_jobs import AdaptationJobs, Job
from api.devices.adaptation_queue import AdaptationQueue
from api.devices.deletions import Deletion, Deletions
from api.devices.phone_pool import MAX_OPEN, PhoneBusyError, PhonePool
from api.devices.registry import Registry, TooManyCreationsError, UnknownDeviceError
from api.http.bundle_archive import store_archive
from api.observability import Metrics
from api.storage.data_folder import DataFolder, Trash
from api.storage.database import DatabaseError
from api.storage.schema import open_database
from device_runtime.adaptation.adapt import Adaptation
from device_runtime.adaptation.trainer import SubprocessTrainer
from device_runtime.bundle.loader import Bundle, load_bundle
from device_runtime.inference.last_good import open_last_good
from device_runtime.inference.model_trial import try_in_child
from device_runtime.phone.phone import Phone

SLOW_THREADS = 24
"""Threads for endpoints that wait for an adaptation or read a whole history. One device occupies 16 at most."""
ANSWER_SECONDS = 30.0
"""How long a request may use a device, with the waiting for a thread and for the device to open."""
SLOW_SECONDS = 120.0
"""The same for the endpoints in the slow threads. A budget ends an adaptation after 30 s."""
CREATING_THREADS = 4
"""Threads that create devices, so that many creations at once leave the other threads to predictions."""
MAX_CREATING = 256
"""Devices that are being created or wait for it. They take a few seconds."""
_Result = TypeVar("_Result")


class Service:
    """The engine, the devices, the keys and the queue of adaptations.

    Attributes:
        bundle: The bundle that every device uses.
        archive: The bundle as apps download it.
        note: Why the bundle is not the one that was asked for; None = it is.
    """

    def __init__(
        self,
        bundle_path: Path,
        public_key: Path,
        data: Path,
        database: str | None = None,
        max_open: int = MAX_OPEN,
        blocked: frozenset[str] = frozenset(),
        try_bundle: Callable[[Bundle], None] = try_in_child,
    ) -> None:
        """Locks the data folder, loads the bundle, and resumes interrupted deletions and adaptations.

        A new model is tried in a child process first. If it cannot be used, the last good bundle is served.

        Raises:
            BundleError, KeyFileError: the bundle or the key cannot be used, or the model cannot and there is no earlier
                bundle.
            ServeError: the data folder or the database cannot be used.
        """
        # An invalid bundle is an error of the caller. Going back is only for a model that cannot run.
        newest = load_bundle(bundle_path, public_key)
        self.metrics = Metrics()
        self._slow = CapacityLimiter(SLOW_THREADS)
        self._creators = CapacityLimiter(CREATING_THREADS)
        self._creating = 0
        self._folder = DataFolder(data)
        try:
            opened = open_last_good(self._folder.last_good, newest, public_key, try_first=try_bundle)
            engine, self.bundle, self.note = opened.engine, opened.engine.bundle, opened.note
            self.archive = store_archive(self._folder.bundles, self.bundle, public_key)
            self._database = open_database(database or self._folder.database, to_serve=True)
        except BaseException:
            self._folder.release()
            raise
        try:
            self.registry = Registry(self._database)
            self.keys = ApiKeys(self._database)
            self.jobs = AdaptationJobs(self._database)
            self._trainer = SubprocessTrainer(self.bundle)
            self.phones = PhonePool(
                self._folder.phones, engine, max_open, self.registry.require, self._trainer, blocked
            )
            self._deletions = Deletions(self.registry, self.phones, Trash(self._folder.trash))
            self.adaptations = AdaptationQueue(self.jobs, self._adapt, self.model_id)
            self._deletions.resume()
            self.adaptations.resume()
            self._deletions.start()
        except BaseException as error:
            self._database.close()
            self._folder.release()
            if isinstance(error, DatabaseError):
                raise self._database.unusable(error) from error
            raise
        self._measure()

    @property
    def model_id(self) -> str:
        return self.bundle.manifest.model_id

    @property
    def label(self) -> str:
        """Describes the bundle. A model trained on synthetic messages is always marked as such."""
        name = f"the bundle {self.bundle.manifest.name}"
        if self.bundle.manifest.provenance.synthetic:
            return f"{name} (SYNTHETIC: its model learned from messages that a program made up)"
        return name

    @contextmanager
    def phone(self, device_id: str) -> Iterator[Phone]:
        """Yields a registered device's phone, which stays open until the block ends.

        Raises:
            UnknownDeviceError: it is not registered.
            PhoneError: its phone cannot be opened.
        """
        with self.phones.use(device_id) as phone:
            yield phone

    @contextmanager
    def open_phone(self, device_id: str) -> Iterator[Phone | None]:
        """Like `phone`, but never waits: yields None if the phone is not open and ready."""
        with self.phones.use_if_open(device_id) as phone:
            yield phone if self.registry.remembers(device_id) else None

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Runs `work` in one of the common threads.

        Raises:
            PhoneBusyError: it did not end within `ANSWER_SECONDS`. Its thread goes on; nothing can interrupt it.
        """
        return await _in_thread(work, ANSWER_SECONDS, None)

    async def run_slow(self, work: Callable[[], _Result]) -> _Result:
        """Runs `work` in one of some separate threads, as soon as one is free.

        A phone that forgets adapts again, and requests for its adapter wait for that. In the common threads, such
        requests could occupy every thread and block predictions.

        Raises:
            PhoneBusyError: it did not end within `SLOW_SECONDS`.
        """
        return await _in_thread(work, SLOW_SECONDS, self._slow)

    async def create(self, work: Callable[[], _Result]) -> _Result:
        """Runs `work`, which creates a device, in one of a few threads, as soon as one is free.

        Raises:
            TooManyCreationsError: too many creations wait already.
            PhoneBusyError: it did not end within `ANSWER_SECONDS`.
        """
        if self._creating >= MAX_CREATING:
            raise TooManyCreationsError("too many devices are being created: try again in a moment")
        self._creating += 1
        try:
            return await _in_thread(work, ANSWER_SECONDS, self._creators)
        finally:
            self._creating -= 1

    def adapt(self, device_id: str) -> Job:
        """Queues a device; see `AdaptationQueue.start`. Raises UnknownDeviceError if it is not registered."""
        self.registry.require(device_id)
        return self.adaptations.start(device_id)

    def delete(self, device_id: str) -> Deletion:
        """Deletes a device and all of its data as far as possible now; see `Deletions.delete`.

        Raises:
            UnknownDeviceError: it is not registered, and nothing is left of it.
            DatabaseError: the deletion could not begin. Nothing was changed.
        """
        return self._deletions.delete(device_id)

    def check(self) -> None:
        """Raises DatabaseError if the database cannot be read."""
        len(self.registry)

    def close(self) -> None:
        """Waits for running work for some seconds, then closes everything. Acknowledged changes are on disk already."""
        self._deletions.close()
        self.adaptations.close()
        self._trainer.stop()
        self.phones.close()
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

    def _measure(self) -> None:
        self.metrics.gauge("devices", "Devices registered.", lambda: len(self.registry))
        self.metrics.gauge("open_phones", "Phones that are open.", lambda: len(self.phones))
        self.metrics.gauge("adaptations_underway", "Adaptations running and waiting.", lambda: len(self.adaptations))


async def _in_thread(work: Callable[[], _Result], seconds: float, limiter: CapacityLimiter | None) -> _Result:
    """Waits for `work` at most `seconds`. An abandoned thread counts as one of its phone's users until it ends."""
    try:
        with fail_after(seconds):
            return await to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)
    except TimeoutError as error:
        raise PhoneBusyError("there was no answer in time; what was asked for may still be done later") from error
