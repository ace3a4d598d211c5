"""A bounded queue of adaptations, in a thread that answers no requests. A device runs one adaptation at a time.

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
"""Running and waiting adaptations. One takes at most 1 s, so the last one is done after 8 s."""


class AlreadyAdaptingError(ValueError):
    """The device is adapting already."""


class TooManyAdaptationsError(ValueError):
    """The queue is full."""


class AdaptationQueue:
    """The queue and its worker. Safe to use from several threads."""

    def __init__(
        self, jobs: AdaptationJobs, adapt: Callable[[str], Adaptation], model_id: str, limit: int = MAX_UNDERWAY
    ) -> None:
        """Makes a queue without adaptations; see `resume`.

        Args:
            jobs: The table that stores the adaptations.
            adapt: Adapts the device with the given id. It is called in the worker's thread.
            model_id: The id of the shared model, stored with every job.
            limit: The maximum number of running and waiting adaptations.
        """
        self._jobs = jobs
        self._adapt = adapt
        self._model_id = model_id
        self._limit = limit
        self._underway: dict[str, tuple[int, Future[None]]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="adaptation")

    def start(self, device_id: str) -> Job:
        """Queues the device. Once this returns, the device will be adapted, if necessary after the next start.

        Raises:
            AlreadyAdaptingError: the device is in the queue already.
            TooManyAdaptationsError: the queue is full.
            DatabaseError: the job cannot be stored.
        """
        with self._lock:
            if device_id in self._underway:
                raise AlreadyAdaptingError("the device is adapting already: wait for that adaptation to end")
            if len(self._underway) >= self._limit:
                raise TooManyAdaptationsError("too many devices are adapting: try again in a moment")
            job = self._jobs.add(device_id, self._model_id)
            self._submit(job)
            return job

    def resume(self) -> None:
        """Queues every adaptation that the last stop of the service interrupted, even more than the limit."""
        with self._lock:
            for job in self._jobs.underway():
                self._submit(job)

    def future(self, job: Job) -> Future[None] | None:
        """Returns a future that ends with the adaptation; None if the adaptation has ended already."""
        with self._lock:
            number, future = self._underway.get(job.device_id, (None, None))
            return future if number == job.id else None

    def __len__(self) -> int:
        with self._lock:
            return len(self._underway)

    def close(self) -> None:
        """Waits for the running adaptation. The waiting ones are resumed at the next start."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, job: Job) -> None:
        # The worker's log lines contain the id of the request that started the adaptation.
        future = self._pool.submit(contextvars.copy_context().run, self._run, job)
        self._underway[job.device_id] = (job.id, future)

    def _run(self, job: Job) -> None:
        try:
            self._try(job)
        except DatabaseError as error:  # its row still has the state queued or running, so the next start resumes it
            LOG.error("adaptation %d: its result cannot be stored: %s", job.id, error)
        finally:
            with self._lock:
                self._underway.pop(job.device_id, None)

    def _try(self, job: Job) -> None:
        self._jobs.begin(job.id)
        try:
            result = self._adapt(job.device_id)
        except UnknownDeviceError:
            return  # the device and its rows were deleted meanwhile
        except PhoneError as error:
            LOG.error("adaptation %d: storage: %s", job.id, error)
            self._jobs.fail(job.id, "the device's storage cannot be used now; the old adapter stays")
        except Exception as error:
            LOG.error("adaptation %d: unexpected error\n%s", job.id, without_message(error))
            self._jobs.fail(job.id, "unexpected error: see the service's log; the old adapter stays")
        else:
            self._jobs.finish(job, result)
