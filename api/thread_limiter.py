"""A few separate threads for endpoints that wait for an adaptation or read a whole history.

A phone that forgets adapts again, and requests for its adapter wait for that. In the common pool, such requests could
occupy every thread and block predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

THREADS = 4
Result = TypeVar("Result")


class SlowEndpointLimiter:
    """The threads of one application for slow endpoints."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(THREADS)

    async def __call__(self, work: Callable[[], Result]) -> Result:
        """Runs `work` in one of the threads, as soon as one is free."""
        return await to_thread.run_sync(work, limiter=self._limiter)
