import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keyboard_model.storage.child_processes import ChildProcessPool

PARENT = """
import os, time
from keyboard_model.storage.child_processes import ChildProcessPool
if __name__ == "__main__":
    with ChildProcessPool(1, os.umask, 0o77) as processes:
        print(processes.submit(os.getpid).result(), flush=True)
        processes.submit(time.sleep, 60).result()
"""


def runs(pid):
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_each_process_runs_the_initializer(tmp_path):
    with ChildProcessPool(1, os.chdir, tmp_path) as processes:
        assert processes.submit(os.getcwd).result() == str(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in Linux's /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_child_processes_end_when_their_parent_dies(tmp_path, how):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        child = int(parent.stdout.readline())
        assert runs(child)
        parent.send_signal(how)
    deadline = time.monotonic() + 50  # less than they would live by themselves
    while runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(child)
