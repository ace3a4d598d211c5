"""A worker process is closed off from the network, logs to its file, and ends with the block or with its parent."""

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from federated.runtime import worker
from federated.runtime.worker import WorkerError, wait_until_ready, worker_process

needs_namespaces = pytest.mark.skipif(not worker.can_be_closed_off(), reason="no network namespace is allowed here")

# Answers every connection with the interfaces that it sees.
SERVER = """
import socket, sys
with socket.create_server(("", int(sys.argv[1]))) as server:
    while True:
        client, _ = server.accept()
        client.sendall(",".join(name for _, name in socket.if_nameindex()).encode())
        client.close()
"""


@contextmanager
def small_worker(folder: Path, port: int, code: str = SERVER) -> Iterator[worker.WorkerProcess]:
    """Runs the program around a smaller process than a worker."""
    inner = (sys.executable, "-c", code, str(port or worker._PORT_IN_NAMESPACE))
    program = worker._program(str(os.getpid()), str(folder / "socket"), str(port), *inner)
    with subprocess.Popen(program) as process:
        try:
            yield worker.WorkerProcess(process, folder / "socket")
        finally:
            process.terminate()


def answer(connection: socket.socket) -> str:
    with connection, connection.makefile() as file:
        return file.read()


def through(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return connection


@needs_namespaces
def test_a_worker_sees_only_a_loopback_and_is_reached_only_through_its_socket(tmp_path):
    with small_worker(tmp_path, 0) as running:
        wait_until_ready(running)
        assert [answer(through(running.socket)) for _ in range(2)] == ["lo", "lo"]
        (server,) = psutil.Process(running.process.pid).children()
        listening = {c.laddr.port for c in psutil.net_connections("tcp") if c.pid == server.pid}
        assert not listening  # none in our namespace


def test_a_worker_that_cannot_be_closed_off_answers_through_its_socket_as_well(tmp_path):
    port = worker._unused_port()
    with small_worker(tmp_path, port) as running:
        wait_until_ready(running)
        everything = ",".join(name for _, name in socket.if_nameindex())
        assert answer(through(running.socket)) == answer(socket.create_connection(("localhost", port))) == everything


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit(3)", "ended with code 3"),
        ("import os; os.kill(os.getpid(), 9)", r"killed by signal 9 \(out of memory\?\)"),
    ],
)
def test_the_program_ends_as_the_worker_ends(tmp_path, code, message):
    with (
        small_worker(tmp_path, worker._unused_port(), code) as running,
        pytest.raises(WorkerError, match=f"{message} when it was started"),
    ):
        wait_until_ready(running)


def test_writes_the_output_of_a_worker_to_its_log_and_stops_it_with_the_block(tmp_path):
    log = tmp_path / "worker.log"
    with worker_process(log) as running:
        wait_until_ready(running)
        children = psutil.Process(running.process.pid).children()
        assert children and running.how_ended() is None
    assert log.exists() and not any(child.is_running() for child in children) and not running.socket.parent.exists()


def test_a_missing_worker_binary_needs_a_new_installation(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WorkerError, match="install the `train` extra"), worker_process():
        pass


@pytest.mark.parametrize("port", [pytest.param(0, marks=needs_namespaces), 1])
def test_a_worker_dies_with_whoever_started_it_and_leaves_no_file(tmp_path, port):
    """SIGKILL of the parent ends the program and the worker; here that is a smaller process than a worker."""
    waiting = "import time; print('ready', flush=True); time.sleep(60)"
    path = tmp_path / "worker" / "socket"
    path.parent.mkdir()
    path.touch()
    program = f"""
        import os, subprocess, sys
        sys.path.insert(0, {str(Path(worker.__file__).parents[2])!r})
        from federated.runtime import worker
        inner = (sys.executable, "-c", {waiting!r})
        child = subprocess.Popen(worker._program(str(os.getpid()), {str(path)!r}, "{port}", *inner))
        print(child.pid, flush=True)
        child.wait()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        orphan = psutil.Process(int(parent.stdout.readline()))
        assert parent.stdout.readline() == "ready\n"
        orphans = [orphan, *orphan.children()]
        assert len(orphans) == 2
        parent.kill()
        for process in orphans:
            process.wait(timeout=50)  # less than they would live by themselves
    assert not path.parent.exists()
