"""A worker process logs to its file, and ends with the block or with its parent."""

import subprocess
import sys
import textwrap

import portpicker
import psutil
import pytest

from federated.runtime import worker
from federated.runtime.worker import WorkerError, worker_process


def test_writes_the_output_of_a_worker_to_its_log(tmp_path):
    log = tmp_path / "worker.log"
    with worker_process(portpicker.pick_unused_port(), log) as process:
        assert process.poll() is None
    assert log.exists() and process.returncode is not None


def test_a_missing_worker_binary_needs_a_new_installation(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(WorkerError, match="install the `train` extra"), worker_process(1):
        pass


def test_a_worker_dies_with_its_parent():
    """SIGKILL of the parent ends the worker too; here the launcher starts a smaller process than a worker."""
    waiting = "import time; print('ready', flush=True); time.sleep(60)"
    program = f"""
        import os, subprocess, sys
        python = sys.executable
        child = subprocess.Popen([python, "-c", {worker._LAUNCHER!r}, str(os.getpid()), python, "-c", {waiting!r}])
        print(child.pid, flush=True)
        child.wait()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        orphan = psutil.Process(int(parent.stdout.readline()))
        assert parent.stdout.readline() == "ready\n"
        parent.kill()
        orphan.wait(timeout=50)  # less than it would live by itself
