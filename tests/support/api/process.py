"""`api.server.serve` as a separate process, which tests can stop, limit and kill."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_PROGRAM = """
import sys
from pathlib import Path
from api.server import serve
bundle, key, data = map(Path, sys.argv[1:4])
serve(bundle, key, data, port=0, insecure=True, database=sys.argv[4] or None)
print("served")
"""


@dataclass
class Running:
    """A service, the line that it printed when it was ready, and a client of it."""

    process: subprocess.Popen[str]
    line: str
    client: httpx.Client


@contextmanager
def running(bundle: Path, key: Path, data: Path, log: Path, database: str = "") -> Iterator[Running]:
    """Runs the service until the block ends. Its log goes to `log`."""
    command = [sys.executable, "-c", _PROGRAM, *map(str, (bundle, key, data)), database]
    with (
        log.open("a") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+$", line.strip())
            assert found, line or log.read_text()
            with httpx.Client(base_url=found.group(), timeout=120, trust_env=False) as client:
                yield Running(process, line, client)
        finally:
            process.kill()
