"""The child process: runs one input after another, and reports each to the parent through a pipe.

It is forked from the parent, which has loaded what the targets need. A new child therefore costs milliseconds.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.fuzz.target import Input, Target, ViolationError

_PR_SET_PDEATHSIG = 1
_LOGGED = b"Traceback (most recent call last)"


@dataclass(frozen=True)
class Report:
    """How an input ended: `reason` is None if nothing is wrong with it; `place` tells equal findings from others."""

    accepted: bool
    reason: str | None = None
    place: str = ""


def serve(target: Target, connection: Connection, log: Path) -> None:
    """Answers each input from the pipe by a Report, until the pipe closes. Never returns."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a hanging child does not outlive the parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    descriptor = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    faulthandler.enable(sys.stderr)
    target.start()
    connection.send(None)
    while True:
        try:
            given = connection.recv()
        except EOFError:
            os._exit(0)
        connection.send(_run(target, given, log))


def _run(target: Target, given: Input, log: Path) -> Report:
    logged = log.stat().st_size
    folder = Path(tempfile.mkdtemp(prefix="case-", dir=log.parent))
    try:
        accepted = target.run(given, folder)
    except BaseException as error:
        return Report(False, "".join(traceback.format_exception(error))[-6000:], _place(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stderr.flush()
    with log.open("rb") as written:
        written.seek(logged)
        said = written.read()
    if _LOGGED in said:
        text = said.decode(errors="replace")
        return Report(accepted, f"a traceback in the log:\n{text[-6000:]}", f"log: {_last_line(text)}")
    return Report(accepted)


def _place(error: BaseException) -> str:
    """Returns the kind of the exception and the innermost of our own functions."""
    if isinstance(error, ViolationError):
        return f"violation: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename and "/fuzz/" not in frame.filename]
    frame = (ours or list(frames))[-1]
    return f"{type(error).__name__} in {Path(frame.filename).stem}.{frame.name}"


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "{"))]
    return lines[-1].partition(":")[0][:80] if lines else "traceback"
