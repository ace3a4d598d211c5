"""Starts and stops TFF's worker processes, closed off from the network. A worker never outlives who started it.

TFF's `worker_binary` runs whatever anyone sends to its port, and listens on all interfaces. Here it runs in a network
namespace of its own, which has no interface but a loopback. The only way in is a Unix socket in a folder of its owner.
TFF's own local context leaves its worker running when Python exits. Here every worker dies with its parent (even after
SIGKILL), and is stopped whenever the block that started it ends.

This file is also a program: the parent of the worker binary, inside the namespace. It therefore imports only the
standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import importlib.util
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP, _PR_SET_PDEATHSIG = 0x8914, 0x1, 1
_PORT_IN_NAMESPACE = 10000
_START_SECONDS, _STOP_SECONDS = 60.0, 10.0
_CHUNK = 1 << 20


class WorkerError(RuntimeError):
    """A worker could not be started or reached; the message says which one and what to do."""


class WorkerProcess(NamedTuple):
    """A worker that was started.

    Attributes:
        process: Ends with the worker's return code.
        socket: The Unix socket to the worker. It exists when the worker answers.
    """

    process: subprocess.Popen[bytes]
    socket: Path

    def how_ended(self) -> str | None:
        """Describes how the worker ended; None if it runs."""
        code = self.process.poll()
        if code is None:
            return None
        return f"was killed by signal {-code} (out of memory?)" if code < 0 else f"ended with code {code}"


def _binary() -> Path:
    spec = importlib.util.find_spec("tensorflow_federated")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / "data" / "worker_binary").is_file():
            return path
    raise WorkerError("the worker program of TensorFlow Federated is missing: install the `train` extra again")


@functools.cache
def can_be_closed_off() -> bool:
    """Whether this process may give a worker a network namespace of its own."""
    return subprocess.run(_program(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def _unused_port() -> int:
    import portpicker  # not for the program

    port: int = portpicker.pick_unused_port()
    return port


def _program(*arguments: str) -> list[str]:
    return [sys.executable, "-I", "-S", __file__, *arguments]


@contextlib.contextmanager
def worker_process(log: Path | None = None, *, concurrent_clients: int | None = None) -> Iterator[WorkerProcess]:
    """Runs one TFF worker for the length of the block.

    Where `can_be_closed_off` is false, the worker also listens on a free port of all interfaces.

    Args:
        log: The file for the worker's output; None discards it. Our own stdout would be kept open by the worker.
        concurrent_clients: Clients that the worker trains at the same time; None means one for each core that this
            process may use.
    """
    with contextlib.ExitStack() as stack:
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="worker-"))) / "socket"
        output = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
        clients = concurrent_clients or len(os.sched_getaffinity(0))
        open_port = 0 if can_be_closed_off() else _unused_port()
        process = subprocess.Popen(
            _program(
                *(str(os.getpid()), str(path), str(open_port), str(_binary())),
                f"--port={open_port or _PORT_IN_NAMESPACE}",
                f"--max_concurrent_computation_calls={clients}",
            ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
            start_new_session=True,  # Ctrl-C reaches only this process, which then stops the worker
        )
        try:
            yield WorkerProcess(process, path)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            process.kill()
            process.wait()


def wait_until_ready(worker: WorkerProcess) -> None:
    """Returns when the worker answers.

    Raises:
        WorkerError: it ended, or does not answer within a minute.
    """
    deadline = time.monotonic() + _START_SECONDS
    while not worker.socket.exists():
        if problem := worker.how_ended():
            raise WorkerError(f"the worker {problem} when it was started")
        if time.monotonic() > deadline:
            raise WorkerError("the worker did not answer within a minute: start it again")
        time.sleep(0.02)


# What follows runs in the program.


def _close_off() -> None:
    """Moves this process into a network namespace whose only interface is a loopback.

    Raises:
        OSError: this process may not do that.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    # Without root, a user namespace comes first; root may lack the capability as well (in a container).
    if libc.unshare(_CLONE_NEWNET) and libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "cannot add a network namespace")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def _end_with(parent: int, number: int) -> None:
    """Lets the kernel send a signal to this process when its parent ends. The order survives exec."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def _run(parent: int, path: str, port: int, command: list[str]) -> NoReturn:
    """Runs the worker behind the Unix socket `path`, and ends as the worker ends."""
    if not port:
        _close_off()
    _end_with(parent, signal.SIGTERM)  # after `_close_off`: new credentials cancel it
    this = os.getpid()
    worker = subprocess.Popen(command, preexec_fn=lambda: _end_with(this, signal.SIGKILL))

    def stop(*_: object) -> None:
        worker.kill()  # a worker has no state to save, and it can ignore SIGINT during a computation

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_relay, args=(path, port or _PORT_IN_NAMESPACE), daemon=True).start()
    code = worker.wait()
    with contextlib.suppress(OSError):  # who started this may have been killed
        os.unlink(path)
        os.rmdir(os.path.dirname(path))
    if code < 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(this, -code)
    os._exit(code)


def _relay(path: str, port: int) -> None:
    """Connects each client of the Unix socket with the worker. The socket appears when the worker's port answers."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.02)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{path}~")
        server.listen()
        os.rename(f"{path}~", path)
        while True:
            client, _ = server.accept()
            try:
                worker = socket.create_connection(("127.0.0.1", port))
            except OSError:  # it is ending
                client.close()
                continue
            for source, target in ((client, worker), (worker, client)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    buffer = memoryview(bytearray(_CHUNK))
    with contextlib.suppress(OSError):
        while size := source.recv_into(buffer):
            target.sendall(buffer[:size])
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    if sys.argv[1:]:
        _run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    _close_off()
