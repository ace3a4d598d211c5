"""A TFF worker on a port of this machine, as somebody else may run it: not closed off."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from federated.runtime.worker import _binary


@contextmanager
def open_worker(port: int) -> Iterator[psutil.Process]:
    """Runs a worker for the length of the block."""
    command = [str(_binary()), f"--port={port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()
