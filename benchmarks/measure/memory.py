"""What a process holds in memory, by Linux's own account.

`resource.getrusage` is no use here: its peak outlives exec, so a small child of a large parent is
charged with the parent's (a bare Python started by one of 400 MB was measured at 403 MB; it held 11).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def family(process: int) -> list[int]:
    """The process and all that it started, and these, and are still there."""
    found = [process]
    for member in found:
        try:
            threads = list(Path(f"/proc/{member}/task").iterdir())
            found += [int(child) for thread in threads for child in (thread / "children").read_text().split()]
        except OSError:  # it ended meanwhile
            continue
    return found


def family_bytes(process: int, of_each: Callable[[int], int]) -> int:
    """The sum over a family; what they share is counted once for each, so it is less in truth."""
    total = of_each(process)
    for member in family(process)[1:]:
        with suppress(OSError):  # it ended meanwhile; ProcessLookupError is one
            total += of_each(member)
    return total


def resident_bytes(process: int) -> int:
    """Resident now."""
    return _status(process, "VmRSS")


def peak_resident_bytes(process: int) -> int:
    """The most that was resident since the process began its program."""
    return _status(process, "VmHWM")


def _status(process: int, field: str) -> int:
    for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.removesuffix(" kB")) * 1024
    raise ProcessLookupError(f"process {process} has ended: its memory cannot be read")
