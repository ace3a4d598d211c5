"""Who adapts now: a bounded pool beside the threads that answer requests, a device once at a time.

One process trains (see `device_runtime.adaptation.trainer`), one adapter at a time, so one worker is as many as
are of use: a thread that waits for that process, and keeps what comes of it.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from api.devices.adaptation_jobs import AdaptationJobs, Job
from api.devices.registry import UnknownDeviceError
from api.observability.logs import LOG, without_message
from api.storage.database import DatabaseError
from device_runtime.adaptation.adapt import Adaptation
from device_runtime.phone.phone import PhoneError

WORKERS = 1
MAX_UNDERWAY = 8
"""Running and waiting: 8 s until the last is done, at the 1 s that one may take."""


class AlreadyAdaptingError(ValueError):
    """The device is adapting."""


class TooManyAdaptationsError(ValueError):
    """As many devices as may be adapt or wait already."""


class Adaptations:
    """The pool. Safe to use from several threads."""

    def __init__(
        self, jobs: AdaptationJobs, adapt: Callable[[str], Adaptation], model_id: str, limit: int = MAX_UNDERWAY
    ) -> None:
        """Args: adapt: adapts the device of an id, in a worker's thread; model_id: of the model that does."""
        self._jobs = jobs
        self._adapt = adapt
        self._model_id = model_id
        self._limit = limit
        self._underway: dict[str, tuple[int, Future[None]]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="adaptation")

    def start(self, device_id: str) -> Job:
        """Queues the device. When this returns it will be adapted, now or after the service's next start.

        Raises:
            AlreadyAdaptingError: it runs or waits.
            TooManyAdaptationsError: too many others do.
            DatabaseError: it cannot be noted.
        """
        with self._lock:
            if device_id in self._underway:
                raise AlreadyAdaptingError("the device is adapting: wait for that to end")
            if len(self._underway) >= self._limit:
                raise TooManyAdaptationsError("too many devices are adapting: try again in a moment")
            job = self._jobs.add(device_id, self._model_id)
            self._submit(job)
            return job

    def resume(self) -> None:
        """Queues what the end of the service before this one cut off, however many they are."""
        with self._lock:
            for job in self._jobs.underway():
                self._submit(job)

    def future(self, job: Job) -> Future[None] | None:
        """Returns what ends when the adaptation does; None where it ended already."""
        with self._lock:
            number, future = self._underway.get(job.device_id, (None, None))
            return future if number == job.id else None

    def __len__(self) -> int:
        with self._lock:
            return len(self._underway)

    def close(self) -> None:
        """Waits for the one that runs; those that wait are resumed at the next start."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, job: Job) -> None:
        # The log lines of a worker bear the id of the request that asked for it.
        future = self._pool.submit(contextvars.copy_context().run, self._run, job)
        self._underway[job.device_id] = (job.id, future)

    def _run(self, job: Job) -> None:
        try:
            self._try(job)
        except DatabaseError as error:  # it stays noted as underway, and is resumed
            LOG.error("adaptation %d cannot be noted: %s", job.id, error)
        finally:
            with self._lock:
                self._underway.pop(job.device_id, None)

    def _try(self, job: Job) -> None:
        self._jobs.begin(job.id)
        try:
            result = self._adapt(job.device_id)
        except UnknownDeviceError:
            return  # deleted meanwhile, and the note with it
        except PhoneError as error:
            LOG.error("adaptation %d: storage: %s", job.id, error)
            self._jobs.fail(job.id, "the device's storage cannot be used now; the old adapter stays")
        except Exception as error:
            LOG.error("adaptation %d: unexpected error\n%s", job.id, without_message(error))
            self._jobs.fail(job.id, "unexpected error: it is in the service's log; the old adapter stays")
        else:
            self._jobs.finish(job, result)
