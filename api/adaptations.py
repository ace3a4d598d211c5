"""Who may adapt now: one adaptation at a time runs, a few wait, and a device never adapts twice at once.

The model trains one adapter at a time (see `device_runtime.loaded_signature`), so more running ones
would only make each other slower. Each waits and runs in its request's worker thread; the predictions
have the other threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MAX_UNDERWAY = 8
"""Running and waiting: a fifth of the 40 worker threads, and 8 s at the 1 s that one may take."""


class AlreadyAdaptingError(ValueError):
    """The device is adapting."""


class TooManyAdaptationsError(ValueError):
    """As many devices as may be adapt or wait already."""


class Adaptations:
    """Turns to adapt. Safe to use from several threads."""

    def __init__(self, limit: int = MAX_UNDERWAY) -> None:
        self._limit = limit
        self._underway: set[str] = set()
        self._lock = threading.Lock()
        self._running = threading.Lock()

    @contextmanager
    def turn(self, device_id: str) -> Iterator[None]:
        """Waits for the device's turn and holds it until the block ends.

        Raises:
            AlreadyAdaptingError: this device runs or waits.
            TooManyAdaptationsError: too many others do.
        """
        with self._lock:
            if device_id in self._underway:
                raise AlreadyAdaptingError("the device is adapting: wait for that to end")
            if len(self._underway) >= self._limit:
                raise TooManyAdaptationsError("too many devices are adapting: try again in a moment")
            self._underway.add(device_id)
        try:
            with self._running:
                yield
        finally:
            with self._lock:
                self._underway.remove(device_id)
