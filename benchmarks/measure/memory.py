"""The memory of a process and of its children, as Linux reports it in /proc.

`resource.getrusage` would be wrong here: its peak survives exec, so a small child gets the peak of its large parent.
For a bare Python process of 11 MB, started by a process of 400 MB, it gave 403 MB.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def family(process: int) -> list[int]:
    """Returns the process and its descendants that still run."""
    found = [process]
    for member in found:
        try:
            threads = list(Path(f"/proc/{member}/task").iterdir())
            found += [int(child) for thread in threads for child in (thread / "children").read_text().split()]
        except OSError:  # it has ended
            continue
    return found


def family_bytes(process: int, of_each: Callable[[int], int]) -> int:
    """Returns the sum over a process and its descendants: an upper bound, because shared memory counts repeatedly."""
    total = of_each(process)
    for member in family(process)[1:]:
        with suppress(OSError):  # it has ended; ProcessLookupError is an OSError
            total += of_each(member)
    return total


def resident_bytes(process: int) -> int:
    """Returns the resident memory now."""
    return _status(process, "VmRSS")


def peak_resident_bytes(process: int) -> int:
    """Returns the peak of the resident memory since the process started its program."""
    return _status(process, "VmHWM")


def _status(process: int, field: str) -> int:
    for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.removesuffix(" kB")) * 1024
    raise ProcessLookupError(f"process {process} has ended: its memory cannot be read")
