"""A bounded queue of adaptations, in a thread that answers no requests. A device runs one adaptation at a time.

One process trains one adapter at a time (see `device_runtime.adaptation.trainer`). So one worker thread is enough: it
waits for that process and stores the result. An adaptation that does not end in time counts as failed, and the worker
goes on with the next one. Its device stays in the queue until its thread ends, so it occupies one thread at most.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from api.devices.adaptation_jobs import AdaptationJobs, Job
from api.devices.phone_pool import PhoneBusyError
from api.devices.registry import UnknownDeviceError
from api.observability import LOG, without_message
from api.storage.database import DatabaseError
from device_runtime.adaptation.adapt import Adaptation
from device_runtime.phone.phone import PhoneError

PATIENCE_SECONDS = 120.0
"""How long an adaptation may take, with the waiting for its device. Usually it takes a second."""
CLOSE_SECONDS = 8.0
"""How long `close` waits for the running adaptation. If it takes longer, it is resumed at the next start."""
_LATE = "the adaptation did not end in time; the old adapter stays"
MAX_UNDERWAY = 8
"""Running and waiting adaptations. One takes at most 1 s, so the last one is done after 8 s."""


class AlreadyAdaptingError(ValueError):
    """The device is adapting already."""


class TooManyAdaptationsError(ValueError):
    """The queue is full."""


class AdaptationQueue:
    """The queue and its worker. Safe to use from several threads."""

    def __init__(
        self,
        jobs: AdaptationJobs,
        adapt: Callable[[str], Adaptation],
        model_id: str,
        limit: int = MAX_UNDERWAY,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Makes a queue without adaptations; see `resume`.

        Args:
            jobs: The table that stores the adaptations.
            adapt: Adapts the device with the given id. It is called in a thread of its own.
            model_id: The id of the shared model, stored with every job.
            limit: The maximum number of running and waiting adaptations.
            patience: How many seconds an adaptation may take.
        """
        self._jobs = jobs
        self._adapt = adapt
        self._model_id = model_id
        self._limit = limit
        self._underway: dict[str, _Waiting] = {}
        self._lock = threading.Lock()
        self._patience = patience
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closed = False
        # Daemon threads, so that one that hangs does not keep the process alive.
        self._worker = threading.Thread(target=self._work, name="adaptations", daemon=True)
        self._worker.start()

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
            waiting = self._underway.get(job.device_id)
            return waiting.ended if waiting is not None and waiting.job.id == job.id else None

    def __len__(self) -> int:
        with self._lock:
            return len(self._underway)

    def close(self) -> None:
        """Waits for the running adaptation, `CLOSE_SECONDS` at most. The others are resumed at the next start."""
        self._closed = True
        self._waiting.put(None)
        self._worker.join(CLOSE_SECONDS)
        with self._lock:
            for waiting in self._underway.values():
                waiting.late = True  # its row keeps its state, so the next start resumes it

    def _submit(self, job: Job) -> None:
        # The log lines of an adaptation contain the id of the request that started it.
        waiting = _Waiting(job, Future(), contextvars.copy_context())
        waiting.ended.set_running_or_notify_cancel()  # a caller that stops waiting must not cancel it
        self._underway[job.device_id] = waiting
        self._waiting.put(waiting)

    def _work(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            if self._closed:
                waiting.ended.set_result(None)
                continue
            threading.Thread(target=waiting.context.run, args=(self._run, waiting), daemon=True).start()
            if not waiting.done.wait(self._patience):
                self._give_up(waiting)

    def _give_up(self, waiting: _Waiting) -> None:
        with self._lock:
            if waiting.done.is_set():
                return
            waiting.late = True
        LOG.error("adaptation %d did not end within %g s", waiting.job.id, self._patience)
        try:
            self._jobs.fail(waiting.job.id, _LATE)
        except DatabaseError as error:
            LOG.error("adaptation %d: its result cannot be stored: %s", waiting.job.id, error)
        waiting.ended.set_result(None)

    def _run(self, waiting: _Waiting) -> None:
        job = waiting.job
        try:
            self._try(waiting)
        except DatabaseError as error:  # its row still has the state queued or running, so the next start resumes it
            LOG.error("adaptation %d: its result cannot be stored: %s", job.id, error)
        finally:
            with self._lock:
                self._underway.pop(job.device_id, None)
                waiting.done.set()
            if not waiting.late:
                waiting.ended.set_result(None)

    def _try(self, waiting: _Waiting) -> None:
        job = waiting.job
        self._jobs.begin(job.id)
        try:
            result = self._adapt(job.device_id)
        except UnknownDeviceError:
            return  # the device and its rows were deleted meanwhile
        except (PhoneError, PhoneBusyError) as error:
            LOG.error("adaptation %d: storage: %s", job.id, error)
            reason = "the device's storage cannot be used now; the old adapter stays"
        except Exception as error:
            LOG.error("adaptation %d: unexpected error\n%s", job.id, without_message(error))
            reason = "unexpected error: see the service's log; the old adapter stays"
        else:
            if not waiting.late:
                self._jobs.finish(job, result)
            return
        if not waiting.late:
            self._jobs.fail(job.id, reason)


@dataclass
class _Waiting:
    """A job in the queue. `ended`: what callers wait for. `done`: its thread has ended. `late`: it counts as failed."""

    job: Job
    ended: Future[None]
    context: contextvars.Context
    done: threading.Event = field(default_factory=threading.Event)
    late: bool = False
