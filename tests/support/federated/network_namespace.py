"""A second machine, as far as the network is concerned; it needs root."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def network_namespace() -> Iterator[tuple[str, str, Callable[[str], None]]]:
    """Yields the name of a network namespace, its address, and a function that sets the line to it `up` or `down`.

    Raises:
        OSError, subprocess.CalledProcessError: this process may not add a namespace.
    """
    number = os.getpid() % 16384
    name, line = f"tp{number}", f"tp{number}a"
    here, there = (f"10.213.{number // 64}.{number % 64 * 4 + end}" for end in (1, 2))

    def set_line(state: str) -> None:
        ip("-n", name, "link", "set", "line", state)

    ip("netns", "add", name)
    try:
        ip("link", "add", line, "type", "veth", "peer", "name", "line", "netns", name)
        ip("addr", "add", f"{here}/30", "dev", line)
        ip("link", "set", line, "up")
        ip("-n", name, "addr", "add", f"{there}/30", "dev", "line")
        set_line("up")
        yield name, there, set_line
    finally:
        ip("netns", "del", name)  # also ends the line
