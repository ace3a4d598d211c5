"""The one place that owns TFF's execution context.

A local run is a run on one worker of our own (see `federated.runtime.worker`); a distributed one spreads a
round's clients over the workers it is given.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

import grpc
import portpicker
import tensorflow_federated as tff

from federated.runtime.worker import WorkerError, worker_process

# TFF's own context at the bottom of the stack would start a worker that nobody owns, and complains as Python ends.
tff.test.set_no_default_context()

_START_SECONDS = 60.0
_GRPC_BYTES = 2_000_000_000
_CHANNEL = [
    ("grpc.max_receive_message_length", _GRPC_BYTES),
    ("grpc.max_send_message_length", _GRPC_BYTES),
    ("grpc.enable_http_proxy", 0),
]


def _connect(address: str) -> tff.framework.RemoteExecutorGrpcStub:
    """Returns a stub for the worker at `host:port`, waiting for it to come up."""
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
    """Makes TFF computations run for the length of the block, and ends what it started.

    Args:
        workers: `host:port` of running workers; none starts one on this machine.

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
