"""Starts and stops TFF's worker processes. A worker never outlives the process that started it.

TFF's own local context leaves its `worker_binary` child running when Python exits. The child keeps Python's stdout
open, so pipelines hang. Here every worker has its own output, dies with its parent (even after SIGKILL), and is stopped
whenever the block that started it ends. This module does not import TensorFlow, so `thumbprint worker` needs little
more memory than the worker alone.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_START_SECONDS = 60.0
# The death signal survives exec, so the worker cannot outlive the process that started it.
_LAUNCHER = """
import ctypes, os, signal, sys
parent = int(sys.argv[1])
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != parent:
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class WorkerError(RuntimeError):
    """A worker could not be started or reached; the message says which one and what to do."""


def _binary() -> Path:
    spec = importlib.util.find_spec("tensorflow_federated")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / "data" / "worker_binary").is_file():
            return path
    raise WorkerError("the worker program of TensorFlow Federated is missing: install the `train` extra again")


@contextlib.contextmanager
def worker_process(
    port: int, log: Path | None = None, *, concurrent_clients: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs one TFF worker on `port` for the length of the block.

    Args:
        port: The port that the worker listens on.
        log: The file for the worker's output; None discards it. Our own stdout would be kept open by the worker.
        concurrent_clients: Clients that the worker trains at the same time; None means one for each core that this
            process may use.
    """
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _LAUNCHER, str(os.getpid()), str(_binary())),
                f"--port={port}",
                f"--max_concurrent_computation_calls={concurrent_clients or len(os.sched_getaffinity(0))}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
            start_new_session=True,  # Ctrl-C reaches only this process, which then stops the worker
        )
        try:
            yield process
        finally:
            process.kill()  # a worker has no state to save, and it can ignore SIGINT during a computation
            process.wait()


def serve_worker(port: int, on_ready: Callable[[], None], *, concurrent_clients: int | None = None) -> None:
    """Runs a TFF worker on `port` until this process is interrupted; the worker never outlives the call.

    Args:
        port: The port that the worker listens on.
        on_ready: Called once, when the port answers.
        concurrent_clients: See `worker_process`.

    Raises:
        WorkerError: the port cannot be used, or the worker ended on its own.
    """
    _check_free(port)
    with worker_process(port, concurrent_clients=concurrent_clients) as process:
        _wait_until_ready(process, port)
        on_ready()
        raise _ended(process.wait(), port)


def _check_free(port: int) -> None:
    # gRPC shares a port in use (SO_REUSEPORT): each of two workers would then get some of the other's requests.
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    try:
        socket.create_server(("", port), family=family, dualstack_ipv6=family is socket.AF_INET6).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise WorkerError(f"port {port} is in use: choose another --port") from error
        raise WorkerError(f"cannot listen on port {port} ({error.strerror}): choose another --port") from error


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if (code := process.poll()) is not None:
            raise _ended(code, port)
        try:
            socket.create_connection(("localhost", port), timeout=1).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise WorkerError(
                    f"the worker on port {port} did not answer within a minute: start it again, or on another --port"
                ) from error
        time.sleep(0.05)


def how_ended(code: int) -> str:
    """Describes the return code of a worker process."""
    return f"was killed by signal {-code} (out of memory?)" if code < 0 else f"ended with code {code}"


def _ended(code: int, port: int) -> WorkerError:
    return WorkerError(f"the worker on port {port} {how_ended(code)}: start it again")
