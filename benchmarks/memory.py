"""What a process holds in memory, by Linux's own account.

`resource.getrusage` is no use here: its peak outlives exec, so a small child of a large parent is
charged with the parent's (a bare Python started by one of 400 MB was measured at 403 MB; it held 11).
"""

from __future__ import annotations

from pathlib import Path


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
