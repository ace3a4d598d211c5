"""A PostgreSQL server for the tests, from Debian's packages, on a socket in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_INSTALLED = Path("/usr/lib/postgresql")
_PATIENCE_SECONDS = 30


def binaries() -> Path:
    """Returns the folder of the newest version's programs. Skips the test if PostgreSQL is not installed."""
    found = sorted(_INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    return found[-1].parent


@contextmanager
def server() -> Iterator[str]:
    """Runs a server. Yields the URL of its database `postgres`."""
    programs = binaries()
    folder = Path(tempfile.mkdtemp(prefix="thumbprint-postgres-"))
    data, socket = str(folder / "data"), str(folder)
    try:
        account = _account(folder)
        initdb = ["initdb", "-D", data, "-U", "thumbprint", "-A", "trust", "--no-sync", "--locale=C.UTF-8"]
        subprocess.run([*account, str(programs / initdb[0]), *initdb[1:]], check=True, capture_output=True, cwd=folder)
        # The server ends with the tests, even if they are killed.
        command = [*account, "--pdeathsig", "INT", str(programs / "postgres"), "-D", data, "-c", "fsync=off"]
        command += ["-c", "listen_addresses=", "-c", f"unix_socket_directories={socket}"]
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as process,
        ):
            try:
                _wait(programs, socket, folder / "log")
                yield f"postgresql://thumbprint@/postgres?host={socket}"
            finally:
                process.send_signal(signal.SIGINT)  # a "fast" shutdown, which closes open connections
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account(folder: Path) -> list[str]:
    """Returns the command that runs a program as another user if the tests run as root, which the server refuses."""
    if os.geteuid() != 0:
        return ["setpriv"]
    try:
        postgres = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    os.chown(folder, postgres.pw_uid, postgres.pw_gid)
    return ["setpriv", f"--reuid={postgres.pw_uid}", f"--regid={postgres.pw_gid}", "--clear-groups"]


def _wait(programs: Path, socket: str, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while subprocess.run([programs / "pg_isready", "-q", "-h", socket]).returncode:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
