"""SIGTERM and SIGHUP end the program as an exception does: temporaries go, workers are ended."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


def _end(number: int, frame: FrameType | None) -> None:
    for ending in _ENDING:  # a second one must not break off the cleaning up
        signal.signal(ending, signal.SIG_IGN)
    print(f"ended by {signal.Signals(number).name}", file=sys.stderr)
    raise SystemExit(128 + number)


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """For the length of the block, SIGTERM and SIGHUP raise SystemExit(128 + number) in the main thread.

    One that is ignored (`nohup`) or handled by somebody else stays so.
    """
    taken = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
