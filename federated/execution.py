"""The one place that owns TFF's execution context and the worker processes behind it.

TFF's own local context leaves its `worker_binary` child running when Python ends, holding Python's
stdout, so that pipelines hang. Here every worker is started with its own log, dies with its parent
(even on SIGKILL) and is ended on every way out. A local run is a run on one worker of our own; a
distributed one spreads a round's clients over the workers it is given.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import portpicker
import tensorflow_federated as tff

CONCURRENT_CLIENTS = 2
"""Clients trained at once by one worker: one a core was measured fastest on two cores."""

_START_SECONDS = 60.0
_GRPC_BYTES = 2_000_000_000
_CHANNEL = [
    ("grpc.max_receive_message_length", _GRPC_BYTES),
    ("grpc.max_send_message_length", _GRPC_BYTES),
    ("grpc.enable_http_proxy", 0),
]
# The worker inherits the death signal across exec: it cannot outlive the process that started it.
_LAUNCHER = """
import ctypes, os, signal, sys
parent = int(sys.argv[1])
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != parent:
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class WorkerError(RuntimeError):
    """A worker could not be started or reached; the message says which and what to do."""


def _binary() -> Path:
    path = Path(tff.__file__).parent / "data" / "worker_binary"
    if not path.is_file():
        raise WorkerError(f"TensorFlow Federated's worker is missing at {path}: install the `train` extra anew")
    return path


@contextlib.contextmanager
def worker_process(port: int, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Runs one TFF worker on `port` for the length of the block.

    Args:
        log: where what it prints goes; nowhere when None. Never to our own stdout, which it would hold open.
    """
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _LAUNCHER, str(os.getpid()), str(_binary())),
                f"--port={port}",
                f"--max_concurrent_computation_calls={CONCURRENT_CLIENTS}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
            start_new_session=True,  # Ctrl-C reaches us, and we end the worker in order
        )
        try:
            yield process
        finally:
            process.kill()  # it holds no state; SIGINT was seen ignored in mid-computation
            process.wait()


def _connect(address: str) -> tff.framework.RemoteExecutorGrpcStub:
    """Returns a stub for the worker at `host:port`, waiting for it to come up."""
    stub = tff.framework.RemoteExecutorGrpcStub(grpc.insecure_channel(address, _CHANNEL))
    deadline = time.monotonic() + _START_SECONDS
    while not stub.is_ready:
        if time.monotonic() > deadline:
            raise WorkerError(f"no TFF worker answers at {address}: start one there with `thumbprint worker --port PORT`")
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
