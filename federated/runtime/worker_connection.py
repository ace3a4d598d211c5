"""Connections to TFF workers. Every call ends within its deadline, whatever becomes of the worker.

TFF repeats a call without end while a worker does not answer. Here a thread makes the call, and the caller watches the
worker meanwhile. When the worker is lost, the caller closes the channel. This ends the call of the thread: gRPC cancels
a pending request on a closed channel, and TFF does not repeat one that fails because the channel is closed.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import grpc
import tensorflow_federated as tff

from federated.runtime.credentials import Address, TrainingCredentials, speaks_tls
from federated.runtime.secure_sums import with_plain_sums
from federated.runtime.tff_types import ClientData, with_client_data
from federated.runtime.worker import WorkerError, WorkerProcess, can_be_closed_off, wait_until_ready, worker_process
from federated.runtime.worker_front import FRONT_REFUSALS, FrontCalls

_START_SECONDS = 60.0
_RECONNECT_SECONDS = 5.0
_PROBE_SECONDS = 2.0
_WATCH_SECONDS = 1.0
_SILENT_SECONDS = 5.0
"""A worker elsewhere is lost after so many seconds without an open port. A brief outage therefore costs nothing."""
_STARTS = 3
"""The worker of this machine is started at most so many times for one computation."""

_GRPC_BYTES = 2_000_000_000
_CHANNEL = [
    ("grpc.max_receive_message_length", _GRPC_BYTES),
    ("grpc.max_send_message_length", _GRPC_BYTES),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]

_log = logging.getLogger(__name__)


class WorkerLostError(RuntimeError):
    """A worker ended, is out of reach or passed its deadline during a call; the message says which worker and why."""


class DeadlineError(WorkerLostError):
    """A call did not end within the deadline."""


class Worker:
    """A worker that computations can be sent to, of this machine or elsewhere."""

    def __init__(self, minutes: float) -> None:
        """Connects to nothing yet; `minutes` is the deadline of a call."""
        self._minutes = minutes
        self._patience = 0.0
        self._channel: grpc.Channel | None = None

    @property
    def connected(self) -> bool:
        """Whether the worker can be called; a lost one cannot."""
        return self._channel is not None

    def connect(self, seconds: float | None = None) -> None:
        """Waits until the worker answers, at most `seconds` (None: a minute).

        Raises:
            WorkerError: it does not answer, or refuses the connection.
        """
        channel = self._open()
        try:
            stub = tff.framework.RemoteExecutorGrpcStub(channel)
            deadline = time.monotonic() + (_START_SECONDS if seconds is None else seconds)
            while not stub.is_ready:
                time.sleep(0.05)
                if not stub.is_ready and (refusal := self._refusal()):
                    raise WorkerError(f"{self} {refusal}")
                if time.monotonic() > deadline:
                    raise WorkerError(f"{self} does not answer: start it with `thumbprint worker`")
            self._check(channel)
        except WorkerError:
            channel.close()
            raise
        self._context = tff.framework.SyncExecutionContext(
            executor_fn=_executors(stub),
            compiler_fn=_compile_once,
            transform_args=tff.tensorflow.transform_args,
            transform_result=tff.tensorflow.transform_result,
        )
        self._channel = channel

    def disconnect(self) -> None:
        """Ends the call that is running, if any, with `WorkerLostError`."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def refresh(self) -> None:
        """Finds out whether the worker answers now: a lost one can come back, and an idle one can be lost."""
        problem = self._problem()
        if self.connected and problem:
            self.disconnect()
            _log.warning("%s %s; it is left out until it answers", self, problem)
        elif not self.connected and not problem:
            with contextlib.suppress(WorkerError):
                self.connect(_RECONNECT_SECONDS)
                _log.warning("%s answers again", self)

    def invoke(self, comp: Any, arg: Any) -> Any:
        """Runs a computation on the worker and returns its result.

        Raises:
            WorkerLostError: the worker is lost, or the computation took longer than the deadline.
        """
        thread = ThreadPoolExecutor(1, "worker-call")
        call = thread.submit(lambda: self._context.invoke(comp, with_client_data(arg, self._client_data)))
        thread.shutdown(wait=False)
        try:
            self._watch(call)
            return call.result()
        except (grpc.RpcError, ValueError) as error:
            problem = self._problem() if self.connected else "was disconnected"  # a closed channel is a ValueError
            if problem is None and isinstance(error, grpc.RpcError) and error.code() in FRONT_REFUSALS:
                problem = f"refuses the work ({error.details()})"
            if problem is None:
                raise
            self.disconnect()
            raise WorkerLostError(f"{self} {problem}") from error
        except WorkerLostError:
            self.disconnect()
            raise

    def _watch(self, call: Future[Any]) -> None:
        """Waits until the call ends or the worker is lost."""
        began = answered = time.monotonic()
        while not wait([call], _WATCH_SECONDS).done:
            problem, now = self._problem(), time.monotonic()
            answered = answered if problem else now
            if not self.connected:
                raise WorkerLostError(f"{self} was disconnected")
            if problem and now - answered >= self._patience:
                raise WorkerLostError(f"{self} {problem}")
            if now - began > 60 * self._minutes:
                raise DeadlineError(f"{self} did not finish a computation within {self._minutes:g} minutes")

    def _open(self) -> Any:
        """Returns a new channel to the worker."""
        raise NotImplementedError

    def _refusal(self) -> str | None:
        """Returns why the worker will never answer, or None if it may be starting."""
        return self._problem()

    def _check(self, channel: Any) -> None:
        """Raises WorkerError if the worker does not accept our calls."""

    def _problem(self) -> str | None:
        """Returns why the worker cannot answer, or None."""
        raise NotImplementedError

    def has_copy(self, corpus_id: str) -> bool:
        """Whether the worker can read the data of clients of this corpus itself."""
        return False

    def _client_data(self, data: ClientData) -> Any:
        """Returns what is sent for the data of a client."""
        return data.read()


class RemoteWorker(Worker):
    """A worker that somebody else started."""

    def __init__(self, address: Address, minutes: float, credentials: TrainingCredentials | None = None) -> None:
        """Connects to nothing yet. Without credentials, nothing is encrypted."""
        super().__init__(minutes)
        self.address, self._credentials = address, credentials
        self._front: FrontCalls | None = None
        self._patience = _SILENT_SECONDS

    def __str__(self) -> str:
        return f"the worker at {self.address}"

    def _open(self) -> Any:
        if self._credentials is None:
            return grpc.insecure_channel(str(self.address), _CHANNEL)
        return self._credentials.channel(self.address, _CHANNEL)

    def _refusal(self) -> str | None:
        if self._credentials is not None:
            return self._credentials.refusal(self.address)
        return "expects TLS: give --token-file and --tls-ca" if speaks_tls(self.address) else None

    def _check(self, channel: Any) -> None:
        self._front = FrontCalls(channel)
        try:
            self._front.check(_START_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise WorkerError(f"{self} refuses the token: give the same --token-file to both") from error
            raise WorkerError(f"{self} does not answer ({error.details()}): start it again") from error

    def has_copy(self, corpus_id: str) -> bool:
        """Whether the worker can read the data of clients of this corpus itself."""
        return self._front is not None and self._front.corpus_id == corpus_id

    def _client_data(self, data: ClientData) -> Any:
        assert self._front is not None
        return self._front.client_data(data) if self.has_copy(data.corpus_id) else data.read()

    def _problem(self) -> str | None:
        try:
            socket.create_connection(self.address, timeout=_PROBE_SECONDS).close()
        except OSError as error:
            return f"does not answer ({error.strerror or error})"
        return None


class LocalWorker(Worker):
    """A worker of this machine, which is started here and started again when it dies."""

    def __init__(self, minutes: float, concurrent_clients: int | None) -> None:
        """Starts nothing yet; the arguments are those of `execution_context`."""
        super().__init__(minutes)
        self._concurrent_clients = concurrent_clients
        self._running = contextlib.ExitStack()
        self._worker: WorkerProcess | None = None
        if not can_be_closed_off():
            _log.warning("the worker cannot be closed off on this machine: others can reach it while it runs")

    def connect(self, seconds: float | None = None) -> None:
        """Starts the worker anew."""
        self._running.close()
        self._worker = self._running.enter_context(worker_process(concurrent_clients=self._concurrent_clients))
        wait_until_ready(self._worker)
        super().connect(seconds)

    def disconnect(self) -> None:
        """Ends the call that is running, if any, and the worker."""
        super().disconnect()
        self._running.close()

    def refresh(self) -> None:
        """Starts the worker again if it died between two computations."""
        if not self.connected or self._problem() is not None:
            self.disconnect()
            self.connect()

    def invoke(self, comp: Any, arg: Any) -> Any:
        """Runs a computation on the worker. If the worker dies, starts it again and repeats the computation.

        Raises:
            WorkerError: the worker died at every attempt, or the computation took longer than the deadline.
        """
        for start in range(1, _STARTS + 1):
            try:
                return super().invoke(comp, arg)
            except DeadlineError as error:
                raise WorkerError(f"{error}: allow more (--round-minutes), then continue with --resume") from error
            except WorkerLostError as error:
                if start == _STARTS:
                    raise WorkerError(
                        f"{error}, {_STARTS} times during one computation: free memory or lower --concurrent-clients, "
                        "then continue with --resume"
                    ) from error
                _log.warning("%s; it is started again and the computation repeated", error)
                self.connect()
        raise AssertionError("unreachable")

    def __str__(self) -> str:
        return "the worker of this machine"

    def _open(self) -> Any:
        assert self._worker is not None
        return grpc.insecure_channel(f"unix:{self._worker.socket}", _CHANNEL)

    def _problem(self) -> str | None:
        return None if self._worker is None else self._worker.how_ended()


@functools.lru_cache(32)
def _compile(comp: Any) -> Any:
    return with_plain_sums(tff.backends.native.desugar_and_transform_to_native(comp))


_compiling = threading.Lock()


def _compile_once(comp: Any) -> Any:
    """Compiles a computation for all workers and connections; this takes seconds."""
    with _compiling:
        return _compile(comp)


def _executors(stub: tff.framework.RemoteExecutorGrpcStub) -> tff.framework.ExecutorFactory:
    def create(cardinalities: dict) -> tff.framework.RemoteExecutor:
        cardinalities.setdefault(tff.CLIENTS, 0)
        executor = tff.framework.RemoteExecutor(stub)
        executor.set_cardinalities(cardinalities)
        return executor

    return tff.framework.ResourceManagingExecutorFactory(create)
