"""Keeps a phone's process small: memory that an adaptation took goes back to the system.

glibc raises its threshold for mapping blocks of their own to the largest block ever freed, after which
the tens of megabytes of every further adaptation fragment the heap: 116 MB after one grew to 161 MB
after eight. A fixed threshold keeps the process at 116 MB and back to 100 MB between adaptations.
"""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3  # malloc.h
_THRESHOLD = 1024 * 1024


def give_back_large_blocks() -> None:
    """Fixes the threshold at 1 MB for this process; does nothing where the C library has no such setting."""
    setting = getattr(ctypes.CDLL(None), "mallopt", None)
    if setting is not None:
        setting(_M_MMAP_THRESHOLD, _THRESHOLD)
