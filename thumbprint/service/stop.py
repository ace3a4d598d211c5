"""How threads that wait for a service are told to end."""

from __future__ import annotations

import threading


class StoppedError(RuntimeError):
    """The simulation ends: what this thread was about is not to go on."""


class Stop:
    """Given once by the main thread, heeded by the others between two requests."""

    def __init__(self) -> None:
        self._given = threading.Event()

    def give(self) -> None:
        """Ends every other thread at its next request."""
        self._given.set()

    def heed(self) -> None:
        """Raises StoppedError once it was given."""
        if self._given.is_set():
            raise StoppedError("the simulation was stopped")

    def sleep(self, seconds: float) -> None:
        """Passes the time, less where it is given meanwhile: then it raises StoppedError."""
        self._given.wait(seconds)
        self.heed()
