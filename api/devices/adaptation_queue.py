"""A bounded queue of adaptations beside the threads that answer requests; a device adapts once at a time.

One process trains one adapter at a time (see `device_runtime.adaptation.trainer`). So one worker thread is enough: it
waits for that process and stores the result.
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
"""Running and waiting adaptations. One takes 1 s at most, so the last one is done after 8 s."""


class AlreadyAdaptingError(ValueError):
    """The device is adapting."""


class TooManyAdaptationsError(ValueError):
    """The queue is full."""


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
        """Queues the device. Once this returns, it will be adapted, if necessary after the next start of the service.

        Raises:
            AlreadyAdaptingError: the device is adapting or waiting.
            TooManyAdaptationsError: the queue is full.
            DatabaseError: the job cannot be stored.
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
        """Queues every adaptation that the last stop of the service interrupted, whatever their number."""
        with self._lock:
            for job in self._jobs.underway():
                self._submit(job)

    def future(self, job: Job) -> Future[None] | None:
        """Returns a future that ends with the adaptation; None if that has ended already."""
        with self._lock:
            number, future = self._underway.get(job.device_id, (None, None))
            return future if number == job.id else None

    def __len__(self) -> int:
        with self._lock:
            return len(self._underway)

    def close(self) -> None:
        """Waits for the running adaptation; waiting ones are resumed at the next start."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, job: Job) -> None:
        # A worker's log lines have the id of the request that started the adaptation.
        future = self._pool.submit(contextvars.copy_context().run, self._run, job)
        self._underway[job.device_id] = (job.id, future)

    def _run(self, job: Job) -> None:
        try:
            self._try(job)
        except DatabaseError as error:  # the row still says that it is underway, so it is resumed
            LOG.error("adaptation %d cannot be noted: %s", job.id, error)
        finally:
            with self._lock:
                self._underway.pop(job.device_id, None)

    def _try(self, job: Job) -> None:
        self._jobs.begin(job.id)
        try:
            result = self._adapt(job.device_id)
        except UnknownDeviceError:
            return  # the device was deleted meanwhile, and its rows too
        except PhoneError as error:
            LOG.error("adaptation %d: storage: %s", job.id, error)
            self._jobs.fail(job.id, "the device's storage cannot be used now; the old adapter stays")
        except Exception as error:
            LOG.error("adaptation %d: unexpected error\n%s", job.id, without_message(error))
            self._jobs.fail(job.id, "unexpected error: it is in the service's log; the old adapter stays")
        else:
            self._jobs.finish(job, result)
