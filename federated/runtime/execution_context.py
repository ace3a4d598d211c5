"""TFF's execution context: where TFF computations run.

A local run uses one worker that it starts itself (`federated.runtime.worker`). A distributed run spreads the clients of
a round over running workers.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

import grpc
import portpicker
import tensorflow_federated as tff

from federated.runtime.worker import WorkerError, worker_process

# TFF's default context would start a worker that is never stopped, and prints errors when Python exits.
tff.test.set_no_default_context()

_START_SECONDS = 60.0
_GRPC_BYTES = 2_000_000_000
_CHANNEL = [
    ("grpc.max_receive_message_length", _GRPC_BYTES),
    ("grpc.max_send_message_length", _GRPC_BYTES),
    ("grpc.enable_http_proxy", 0),
]


def _connect(address: str) -> tff.framework.RemoteExecutorGrpcStub:
    """Returns a stub for the worker at `host:port`, after waiting until it answers."""
    stub = tff.framework.RemoteExecutorGrpcStub(grpc.insecure_channel(address, _CHANNEL))
    deadline = time.monotonic() + _START_SECONDS
    while not stub.is_ready:
        if time.monotonic() > deadline:
            raise WorkerError(
                f"no TFF worker answers at {address}: start one there with `thumbprint worker --port PORT`"
            )
        time.sleep(0.1)
    return stub


def _executors(stub: tff.framework.RemoteExecutorGrpcStub) -> tff.framework.ExecutorFactory:
    def create(cardinalities: dict) -> tff.framework.RemoteExecutor:
        cardinalities.setdefault(tff.CLIENTS, 0)
        executor = tff.framework.RemoteExecutor(stub)
        executor.set_cardinalities(cardinalities)
        return executor

    return tff.framework.ResourceManagingExecutorFactory(create)


def _context(
    kind: type[tff.framework.SyncExecutionContext] | type[tff.framework.AsyncExecutionContext], address: str
) -> tff.framework.SyncExecutionContext | tff.framework.AsyncExecutionContext:
    return kind(
        executor_fn=_executors(_connect(address)),
        compiler_fn=tff.backends.native.desugar_and_transform_to_native,
        transform_args=tff.tensorflow.transform_args,
        transform_result=tff.tensorflow.transform_result,
    )


@contextlib.contextmanager
def execution_context(workers: Sequence[str] = ()) -> Iterator[None]:
    """Lets TFF computations run inside the block, and stops the worker that it started.

    Args:
        workers: `host:port` of running workers. If empty, a worker is started on this machine.

    Raises:
        WorkerError: a worker cannot be started or does not answer within a minute.
    """
    with contextlib.ExitStack() as stack:
        if not workers:
            port = portpicker.pick_unused_port()
            stack.enter_context(worker_process(port))
            workers = [f"localhost:{port}"]
        if len(workers) == 1:
            context = _context(tff.framework.SyncExecutionContext, workers[0])
        else:
            context = tff.backends.native.create_mergeable_comp_execution_context(
                [_context(tff.framework.AsyncExecutionContext, address) for address in workers]
            )
        stack.enter_context(tff.framework.get_context_stack().install(context))
        yield
