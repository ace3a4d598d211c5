"""A forked child that is killed at a random instant, and the bytes that it leaves on disk."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_LONGEST_DELAY_SECONDS = 0.02
"""About as long as an operation takes: the kill comes within the one after the last acknowledged one."""


class Violation(Exception):
    """Something acknowledged is lost, something forgotten is back, or a folder does not open."""


def run_until_killed(work: Callable[[Callable[[bytes], None]], None], chance: random.Random, most: int) -> list[bytes]:
    """Forks a child that does `work`, kills it, and returns the lines that it acknowledged.

    The child shares what this process has loaded, so it costs milliseconds. This process must not have threads.

    Args:
        work: Runs in the child. Its argument sends one line.
        chance: Decides after how many lines, and how long after that, the child is killed.
        most: The largest number of lines to wait for.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            work(lambda line: _write(writing, line))
        finally:  # a traceback of the child is printed, and its parent sees that it ended by itself
            os._exit(1)
    os.close(writing)
    lines: list[bytes] = []
    with os.fdopen(reading, "rb") as pipe:
        for _ in range(chance.randint(0, most)):
            if not (line := pipe.readline()):
                break
            lines.append(line)
        time.sleep(chance.uniform(0, _LONGEST_DELAY_SECONDS))
        os.kill(child, signal.SIGKILL)
        lines += pipe.readlines()
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and lines[-1:] != [b"done\n"]:
        raise Violation("the child ended by itself: its traceback is above")
    return lines


def _write(pipe: int, line: bytes) -> None:
    os.write(pipe, line + b"\n")


def require_gone(folder: Path, words: Iterable[str]) -> None:
    """Raises Violation if one of the words stands in the bytes of a file: database, write-ahead log, free pages."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes().lower()
            for word in words:
                if word.encode() in data:
                    raise Violation(f"the forgotten word {word} stands in {path.name}")
