"""TFF's execution context: where TFF computations run, and what happens when a worker is lost.

A local run uses one worker that it starts itself; if the worker dies, it is started again and the computation
repeated. A distributed run spreads the clients of a computation over running workers. A lost worker's clients are
repeated on the other workers, so nothing changes in the result; inside `losing_clients` they are left out instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import tensorflow_federated as tff

from federated.runtime.credentials import Address, TrainingCredentials
from federated.runtime.secure_sums import with_plain_sums
from federated.runtime.worker import WorkerError
from federated.runtime.worker_connection import LocalWorker, RemoteWorker, Worker, WorkerLostError

# TFF's default context would start a worker that is never stopped, and prints errors when Python exits.
tff.test.set_no_default_context()

_MINUTES = 24 * 60.0

_log = logging.getLogger(__name__)


@dataclass
class LostClients:
    """How many clients a computation may leave out when workers are lost, and how many it left out."""

    allowed: int = 0
    clients: int = 0


class _Context(tff.framework.SyncContext):
    """Runs computations on one worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def invoke(self, comp: Any, arg: Any) -> Any:
        self._worker.refresh()
        try:
            if not self._worker.connected:
                raise WorkerLostError(f"{self._worker} does not answer")
            return self._worker.invoke(comp, arg)
        except WorkerLostError as error:
            raise _none_left(error) from error

    def has_copy(self, corpus_id: str) -> bool:
        return self._worker.has_copy(corpus_id)


class _SharingContext(tff.framework.SyncContext):
    """Spreads the clients of computations over several workers, and survives the loss of all but one.

    TFF's mergeable form of a computation has three parts: `up_to_merge` for each share of the clients, `merge` for two
    results of it, and `after_merge`. Each part is a computation of its own, which any worker can repeat.
    """

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._free = threading.Condition()
        self._busy: set[Worker] = set()
        self._threads = ThreadPoolExecutor(len(workers), "workers")
        self._compile = functools.lru_cache(
            lambda comp: tff.backends.native.compile_to_mergeable_comp_form(with_plain_sums(comp))
        )
        self._contexts: dict[int, tff.framework.MergeableCompExecutionContext] = {}  # by their number of shares
        self.lost = LostClients()
        self._can_lose_clients: Any = None
        self._closed = False

    def invoke(self, comp: Any, arg: Any) -> Any:
        list(self._threads.map(Worker.refresh, self._workers))
        form = self._compile(comp)
        # A result for each client has a place for each client.
        server_only = not tff.types.contains(form.after_merge.type_signature.result, _differs_by_client)
        self._can_lose_clients = form.up_to_merge if server_only else None
        shares = sum(worker.connected for worker in self._workers) or 1
        if shares not in self._contexts:
            self._contexts[shares] = tff.framework.MergeableCompExecutionContext(
                [_Share(self._threads, functools.partial(self._run, preferred=i)) for i in range(shares)]
            )
        return self._contexts[shares].invoke(form, arg)

    def has_copy(self, corpus_id: str) -> bool:
        return any(worker.has_copy(corpus_id) for worker in self._workers)

    def close(self) -> None:
        """Ends all calls, and releases the threads."""
        self._closed = True
        for worker in self._workers:
            worker.disconnect()
        self._contexts.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, comp: Any, arg: Any, preferred: int) -> Any:
        """Runs one part of a computation on a free worker. If that worker is lost, another one repeats the part."""
        while True:
            worker = self._take(preferred)
            try:
                return worker.invoke(comp, arg)
            except WorkerLostError as error:
                if self._closed:
                    raise
                arg = self._after_loss(error, comp, arg)
            finally:
                with self._free:
                    self._busy.remove(worker)
                    self._free.notify_all()

    def _take(self, preferred: int) -> Worker:
        with self._free:
            while alive := [worker for worker in self._workers if worker.connected]:
                in_order = alive[preferred % len(alive) :] + alive
                if free := [worker for worker in in_order if worker not in self._busy]:
                    self._busy.add(free[0])
                    return free[0]
                self._free.wait()  # every call ends by its deadline
        raise _none_left("none of the workers answers")

    def _after_loss(self, error: WorkerLostError, comp: Any, arg: Any) -> Any:
        """Returns the argument with which another worker repeats the part."""
        if comp is self._can_lose_clients:
            others, clients = _without_clients(arg, comp.type_signature.parameter)
            with self._free:
                if 0 < clients <= self.lost.allowed - self.lost.clients:
                    self.lost.clients += clients
                    _log.warning("%s; the round goes on without its %d clients", error, clients)
                    return others
        _log.warning("%s; another worker repeats its work", error)
        return arg


class _Share(tff.framework.AsyncContext):
    """Runs the parts of one share of the clients, in a thread: TFF's remote executor would block the event loop."""

    def __init__(self, threads: ThreadPoolExecutor, run: Callable[[Any, Any], Any]) -> None:
        self._threads, self._run = threads, run

    async def invoke(self, comp: Any, arg: Any) -> Any:
        # TFF reads only the first error of several tasks, and asyncio would print the others.
        if task := asyncio.current_task():
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, comp, arg)


def _differs_by_client(kind: tff.Type) -> bool:
    return isinstance(kind, tff.FederatedType) and kind.placement is tff.CLIENTS and not kind.all_equal


def _without_clients(value: Any, kind: tff.Type | None) -> tuple[Any, int]:
    """Returns an argument without its clients, and their number."""
    if isinstance(kind, tff.StructType):
        names = [name for name, _ in tff.structure.to_elements(kind)]
        parts = [_without_clients(part, kind[i]) for i, part in enumerate(tff.structure.from_container(value))]
        others = tff.structure.Struct(zip(names, (part for part, _ in parts), strict=True))
        return others, max((clients for _, clients in parts), default=0)
    return ([], len(value)) if kind is not None and _differs_by_client(kind) else (value, 0)


def _none_left(reason: object) -> WorkerError:
    return WorkerError(f"no TFF worker is left ({reason}): start the workers again, then continue with --resume")


@contextlib.contextmanager
def losing_clients(at_most: int) -> Iterator[LostClients]:
    """Allows the computations of the block to leave out clients whose worker is lost.

    Only clients whose loss leaves the shape of the result as it is can be left out. All others are repeated on another
    worker, as they are outside this block.

    Yields:
        The number of clients that were left out so far.
    """
    lost = LostClients(at_most)
    context = tff.framework.get_context_stack().current
    if not isinstance(context, _SharingContext):
        yield lost
        return
    context.lost = lost
    try:
        yield lost
    finally:
        context.lost = LostClients()


def workers_have_copy(corpus_id: str) -> bool:
    """Whether a worker of the context can read the data of clients of this corpus itself."""
    context = tff.framework.get_context_stack().current
    return isinstance(context, _Context | _SharingContext) and context.has_copy(corpus_id)


def execution_context(
    workers: Sequence[str] = (),
    *,
    credentials: TrainingCredentials | None = None,
    insecure: bool = False,
    concurrent_clients: int | None = None,
    minutes: float | None = None,
) -> contextlib.AbstractContextManager[None]:
    """Lets TFF computations run inside the block, and stops the worker that it started.

    Args:
        workers: `host:port` of running workers. If empty, a worker is started on this machine.
        credentials: For TLS with the workers. Without them, workers of other machines are refused.
        insecure: Permits workers of other machines without credentials.
        concurrent_clients: Clients that the worker of this machine trains at the same time; None means one for each
            core.
        minutes: A worker that does not finish its part of a computation in this time is lost; None means a day.

    Raises:
        WorkerError: a worker of `workers` is refused; in the block: a worker cannot be started or does not answer
            within a minute, or no worker is left.
    """
    minutes = _MINUTES if minutes is None else minutes
    connections = [RemoteWorker(Address.parse(address), minutes, credentials) for address in workers]
    for worker in connections:
        if credentials is None and not insecure and not worker.address.is_loopback:
            raise WorkerError(
                f"what is sent to {worker} would not be encrypted: give --token-file and --tls-ca, or --insecure in a "
                "network that you trust"
            )
    return _running(connections or [LocalWorker(minutes, concurrent_clients)])


@contextlib.contextmanager
def _running(workers: Sequence[Worker]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for worker in workers:
            stack.callback(worker.disconnect)
            worker.connect()
        context: _Context | _SharingContext
        if len(workers) > 1:
            context = _SharingContext(workers)
            stack.callback(context.close)
        else:
            context = _Context(workers[0])
        stack.enter_context(tff.framework.get_context_stack().install(context))
        yield
