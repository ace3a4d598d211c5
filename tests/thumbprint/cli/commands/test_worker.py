import signal
import socket
import subprocess

import numpy as np
import portpicker
import psutil
import pytest

from federated.run import Run
from tests.support.thumbprint.program import PROGRAM

ENDINGS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -9}


def start(port):
    return subprocess.Popen(
        [*PROGRAM, "worker", "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def binaries(ports):
    """The running worker processes that listen on one of `ports`."""
    options = {f"--port={port}" for port in ports}
    found = (process.info for process in psutil.process_iter(["pid", "cmdline", "status"]))
    return [
        info["pid"] for info in found if options & set(info["cmdline"] or ()) and info["status"] != psutil.STATUS_ZOMBIE
    ]


@pytest.fixture
def workers():
    ports = [portpicker.pick_unused_port() for _ in range(2)]
    started = {port: start(port) for port in ports}
    try:
        for port, process in started.items():
            assert process.stdout.readline() == f"worker listens on port {port}; Ctrl-C ends it\n"
        yield started
    finally:
        for process in started.values():
            process.terminate()
            process.communicate(timeout=30)
        assert binaries(ports) == []


def test_two_workers_train_what_one_machine_trains(run, workers, tiny_run, job_file, tiny_corpus, tmp_path):
    folder = tmp_path / "run"
    addresses = ",".join(f"localhost:{port}" for port in workers)
    code, _, err = run("train", job_file, "--corpus", tiny_corpus, "--run", folder, "--workers", addresses)
    assert (code, err.count("round ")) == (0, 2)
    assert len(binaries(workers)) == 2  # the training started none of its own and ended none
    alone, together = (Run(path).parameters("last") for path in (tiny_run, folder))
    for name, expected in alone._asdict().items():
        np.testing.assert_allclose(getattr(together, name), expected, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("number", ENDINGS)
def test_the_worker_ends_with_the_command(number):
    port = portpicker.pick_unused_port()
    process = start(port)
    process.stdout.readline()
    children = [psutil.Process(pid) for pid in binaries([port])]
    assert children
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == ENDINGS[number]
    assert "Traceback" not in err
    psutil.wait_procs(children, timeout=5)
    assert binaries([port]) == []


def test_a_worker_that_dies_is_noticed():
    port = portpicker.pick_unused_port()
    process = start(port)
    process.stdout.readline()
    (pid,) = binaries([port])
    psutil.Process(pid).kill()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err == f"error: the worker on port {port} was killed by signal 9 (out of memory?): start it again\n"


def test_a_port_in_use(run):
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} is in use" in run("worker", "--port", port).mistake
