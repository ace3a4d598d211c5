"""What the model says after a context, remembered: typing on costs one step a new piece.

One reader serves every phone of a process. The state after a context and the log-probabilities there
are kept for the contexts read last, each under the adapter that it was read with. What is mixed into the
log-probabilities is mixed in once, where somebody asks for them, and not on the way there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from device_runtime.adapter import Adapter, Array

MAX_CONTEXT = 48
"""Pieces of a message that are read at most; of a longer one the beginning is left out.

Reading all of it gains nothing: past the 20th piece of real messages 6.540 nats a piece, with 48 pieces
6.537, with 20 the same.
"""
_STRIDE = 16
"""A long context's beginning moves on in strides, so that most new pieces still cost one step."""
REMEMBERED = 256
"""Contexts kept: 9 MB at a vocabulary of 8,192."""

Ids = tuple[int, ...]


class State(NamedTuple):
    """What the model remembers of the message so far: `cell [1,H]`, `projection [1,E]`; no adapter in it."""

    cell: Array
    projection: Array


class _Read(NamedTuple):
    log_probs: Array
    state: State
    mixed: bool


Step = Callable[[int, State, Adapter], tuple[Array, State]]
Mix = Callable[[Ids, Array], Array]
"""From a context and the model's log-probabilities after it to those that are shown."""


def recent(ids: Sequence[int]) -> Ids:
    """The part of a message's ids that is read: BOS and the newest pieces."""
    excess = len(ids) - MAX_CONTEXT
    if excess <= 0:
        return tuple(ids)
    left_out = -(-excess // _STRIDE) * _STRIDE
    return (ids[0], *ids[1 + left_out :])


class ContextReader:
    """Reads contexts through `step`, from `zero` on. Safe to use from several threads."""

    def __init__(self, step: Step, zero: State, mix: Mix) -> None:
        self._step = step
        self._zero = zero
        self._mix = mix
        self._read: OrderedDict[tuple[Adapter, Ids], _Read] = OrderedDict()
        self._lock = threading.Lock()

    def log_probs(self, ids: Ids, adapter: Adapter) -> Array:
        """Log-probabilities `[V]` of the next piece after `ids`, the first of them BOS; n-grams mixed in."""
        read = self._read_to_end(ids, adapter)
        if not read.mixed:
            read = _Read(self._mix(ids, read.log_probs), read.state, mixed=True)
            self._remember(adapter, ids, read)
        return read.log_probs

    def _read_to_end(self, ids: Ids, adapter: Adapter) -> _Read:
        known = len(ids)
        while known and (found := self._recall(adapter, ids[:known])) is None:
            known -= 1
        read = found if known and found is not None else None
        for end in range(known + 1, len(ids) + 1):
            read = _Read(*self._step(ids[end - 1], read.state if read else self._zero, adapter), mixed=False)
            self._remember(adapter, ids[:end], read)
        assert read is not None, "a context begins with BOS"
        return read

    def _recall(self, adapter: Adapter, ids: Ids) -> _Read | None:
        with self._lock:
            found = self._read.get((adapter, ids))
            if found is not None:
                self._read.move_to_end((adapter, ids))
            return found

    def _remember(self, adapter: Adapter, ids: Ids, read: _Read) -> None:
        with self._lock:
            self._read[adapter, ids] = read
            while len(self._read) > REMEMBERED:
                self._read.popitem(last=False)
