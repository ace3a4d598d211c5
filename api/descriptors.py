"""How many phones this process may hold open: each takes four file descriptors."""

from __future__ import annotations

import resource

MANY_OPEN = 1_024
"""Phones held open by a server: some 0.3 MB each with their owner's words, and opening one again costs as much as
twenty predictions."""
_PER_PHONE = 4
_OTHERS = 256
"""Connections, the database, the program's own files."""


def phones_allowed(wanted: int = MANY_OPEN) -> int:
    """Raises this process's limit of open files as far as it may. Returns how many phones fit, at most `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted * _PER_PHONE + _OTHERS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, (soft - _OTHERS) // _PER_PHONE))
