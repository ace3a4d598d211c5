"""A cache of the model's state and output after a context, so that each new piece costs one model step.

One cache serves every phone of a process. The state after a context does not depend on the adapter, so it is shared:
a second keyboard over the same words (personal beside shared) costs one step. Log-probabilities are cached by adapter.
N-grams are mixed in once, when the log-probabilities of a context are requested, not for its prefixes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from device_runtime.adapter.adapter import Adapter, Array

MAX_CONTEXT = 48
"""The most pieces of a message that are read; the beginning of a longer one is dropped.

Reading more gains nothing: past the 20th piece of real messages 6.540 nats a piece, with 48 pieces
6.537, with 20 the same.
"""
_STRIDE = 16
"""The beginning of a long context moves in strides, so that most new pieces still cost one step."""
REMEMBERED = 256
"""Log-probabilities cached: 8 MB at a vocabulary of 8,192."""
REMEMBERED_STATES = 1_024
"""States cached: 4 MB at 640 cells."""

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
        """Returns the length of the longest cached prefix of `ids` without the last, and its state."""
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
