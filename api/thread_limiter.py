"""Endpoints that wait for an adaptation, or read all of a history, have a few threads of their own.

A forgetting phone adapts anew, and whoever asks for its adapter meanwhile waits for that: in the common pool of
threads such requests would in the end leave none for predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

THREADS = 4
Result = TypeVar("Result")


class SlowEndpointLimiter:
    """A pool of threads, of one application."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(THREADS)

    async def __call__(self, work: Callable[[], Result]) -> Result:
        """Runs `work` in one of the threads, once there is one."""
        return await to_thread.run_sync(work, limiter=self._limiter)
