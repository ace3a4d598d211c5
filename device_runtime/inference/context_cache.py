"""What the model says after a context, remembered: typing on costs one step a new piece.

One reader serves every phone of a process. No adapter has a part in the state after a context: it is kept
for the contexts read last whoever read them, so that the second keyboard over the same words (a personal one
beside the shared) costs one step. The log-probabilities there are kept under the adapter they were read with.
What is mixed into them is mixed in once, where somebody asks for them, and not on the way there.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from device_runtime.adapter.adapter import Adapter, Array

MAX_CONTEXT = 48
"""Pieces of a message that are read at most; of a longer one the beginning is left out.

Reading all of it gains nothing: past the 20th piece of real messages 6.540 nats a piece, with 48 pieces
6.537, with 20 the same.
"""
_STRIDE = 16
"""A long context's beginning moves on in strides, so that most new pieces still cost one step."""
REMEMBERED = 256
"""Log-probabilities kept: 8 MB at a vocabulary of 8,192."""
REMEMBERED_STATES = 1_024
"""States kept: 4 MB at 640 cells."""

Ids = tuple[int, ...]
Key = TypeVar("Key")
Value = TypeVar("Value")


class State(NamedTuple):
    """What the model remembers of the message so far: `cell [1,H]`, `projection [1,E]`; no adapter in it."""

    cell: Array
    projection: Array


class _Read(NamedTuple):
    log_probs: Array
    mixed: bool


Step = Callable[[int, State, Adapter], tuple[Array, State]]
Mix = Callable[[Ids, Array], Array]
"""From a context and the model's log-probabilities after it to those that are shown."""


def truncate_context(ids: Sequence[int]) -> Ids:
    """The part of a message's ids that is read: BOS and the newest pieces."""
    excess = len(ids) - MAX_CONTEXT
    if excess <= 0:
        return tuple(ids)
    left_out = -(-excess // _STRIDE) * _STRIDE
    return (ids[0], *ids[1 + left_out :])


class ContextCache:
    """Reads contexts through `step`, from `zero` on. Safe to use from several threads."""

    def __init__(self, step: Step, zero: State, mix: Mix) -> None:
        self._step = step
        self._zero = zero
        self._mix = mix
        self._read: OrderedDict[tuple[Adapter, Ids], _Read] = OrderedDict()
        self._states: OrderedDict[Ids, State] = OrderedDict()
        self._lock = threading.Lock()

    def log_probs(self, ids: Ids, adapter: Adapter) -> Array:
        """Log-probabilities `[V]` of the next piece after `ids`, the first of them BOS; n-grams mixed in."""
        read = self._recall(adapter, ids) or self._read_to_end(ids, adapter)
        if not read.mixed:
            read = _Read(self._mix(ids, read.log_probs), mixed=True)
            with self._lock:
                _put(self._read, (adapter, ids), read, REMEMBERED)
        return read.log_probs

    def _read_to_end(self, ids: Ids, adapter: Adapter) -> _Read:
        known, state = self._known(ids)
        read = None
        for end in range(known + 1, len(ids) + 1):
            log_probs, state = self._step(ids[end - 1], state, adapter)
            read = _Read(log_probs, mixed=False)
            with self._lock:
                _put(self._read, (adapter, ids[:end]), read, REMEMBERED)
                _put(self._states, ids[:end], state, REMEMBERED_STATES)
        assert read is not None, "a context begins with BOS"
        return read

    def _recall(self, adapter: Adapter, ids: Ids) -> _Read | None:
        with self._lock:
            found = self._read.get((adapter, ids))
            if found is not None:
                self._read.move_to_end((adapter, ids))
            return found

    def _known(self, ids: Ids) -> tuple[int, State]:
        """How much of `ids`, without the last, was read by anybody, and the state there."""
        with self._lock:
            for length in range(len(ids) - 1, 0, -1):
                state = self._states.get(ids[:length])
                if state is not None:
                    self._states.move_to_end(ids[:length])
                    return length, state
        return 0, self._zero


def _put(remembered: OrderedDict[Key, Value], key: Key, value: Value, most: int) -> None:
    remembered[key] = value
    remembered.move_to_end(key)
    if len(remembered) > most:
        remembered.popitem(last=False)
