"""What the shared model says after a context, cached so that each new piece costs one model step.

One cache serves every phone of a process. The state after a context does not depend on the adapter, so all adapters
share it: a second keyboard over the same words (personal beside shared) costs one step. Log-probabilities are cached
for each adapter.

The shared model has two parts, and the cache mixes them:

    P = (1 − w)·P_lstm + w·P_ngram          w = the manifest's `ngram_weight`

The n-grams count what the population types, so they weigh the same in the shared and in the personal model.
Adaptation and gate use the neural part alone. Mixing takes 0.02 ms at a vocabulary of 8,192. It is done once, when the
log-probabilities of a context are requested, and not for the prefixes of that context.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from device_runtime.adapter.adapter import Adapter
from device_runtime.adapter.encodings import Array
from keyboard_model.ngram.table import NgramTable

MAX_CONTEXT = 48
"""The most pieces of a message that are read; the beginning of a longer message is dropped.

Longer contexts gain nothing. The loss of pieces past the 20th of a real message is 6.537 nats with 48 or with 20 pieces
of context, and 6.540 nats with the whole message.
"""
_STRIDE = 16
"""The beginning of a long context moves in strides, so that most new pieces still cost one step."""
MAX_LOG_PROBS = 64
"""Contexts whose log-probabilities are cached: 2 MB at a vocabulary of 8,192. Four times as many save no time."""
MAX_STATES = 1_024
"""Contexts whose state is cached: 4 MB at 640 cells."""
_TINY = np.finfo(np.float32).tiny

Ids = tuple[int, ...]
Key = TypeVar("Key")
Value = TypeVar("Value")


class State(NamedTuple):
    """The model's memory of the message so far: `cell [1,H]`, `projection [1,E]`. It does not depend on the adapter."""

    cell: Array
    projection: Array


class _Output(NamedTuple):
    log_probs: Array
    mixed: bool


Step = Callable[[int, State, Adapter], tuple[Array, State]]
Mix = Callable[[Ids, Array], Array]
"""Takes a context and the neural model's log-probabilities after it; returns those of the mixture."""


def truncate_context(ids: Sequence[int], end: int | None = None) -> Ids:
    """Returns the part of a message's ids that is read before position `end`: BOS and the newest pieces."""
    end = len(ids) if end is None else end
    excess = end - MAX_CONTEXT
    if excess <= 0:
        return tuple(ids[:end])
    left_out = -(-excess // _STRIDE) * _STRIDE
    return (ids[0], *ids[1 + left_out : end])


def identity(ids: Ids, log_probs: Array) -> Array:
    """A `Mix` that adds no n-grams."""
    return log_probs


def ngram_interpolator(table: NgramTable, weight: float) -> Mix:
    """Returns the `Mix` that adds the n-grams of `table` with this weight. A second BOS precedes each context."""
    if weight == 0.0:
        return identity

    def mix(ids: Ids, log_probs: Array) -> Array:
        older, newer = (ids[0], *ids)[-2:]
        mixed: Array = np.exp(log_probs)
        mixed *= np.float32(1.0 - weight)
        mixed += np.float32(weight) * table.distribution(older, newer)
        # Both can be 0: the neural model underflows, and a small corpus lacks pieces.
        np.log(np.maximum(mixed, _TINY), out=mixed)
        return mixed

    return mix


class ContextCache:
    """Reads contexts with `step`, starting from the state `zero`. Safe to use from several threads."""

    def __init__(self, step: Step, zero: State, mix: Mix) -> None:
        self._step = step
        self._zero = zero
        self._mix = mix
        self._outputs: OrderedDict[tuple[Adapter, Ids], _Output] = OrderedDict()
        self._states: OrderedDict[Ids, State] = OrderedDict()
        self._lock = threading.Lock()

    def log_probs(self, ids: Ids, adapter: Adapter) -> Array:
        """Log-probabilities `[V]` of the next piece after `ids`, which begin with BOS; n-grams are mixed in."""
        output = self._cached(adapter, ids) or self._read(ids, adapter)[0]
        if not output.mixed:
            output = _Output(self._mix(ids, output.log_probs), mixed=True)
            with self._lock:
                _put(self._outputs, (adapter, ids), output, MAX_LOG_PROBS)
        return output.log_probs

    def projection(self, ids: Ids, adapter: Adapter) -> Array:
        """The LSTM's projection `[E]` after `ids`, which begin with BOS. The adapter does not change it."""
        with self._lock:
            state = self._states.get(ids)
        if state is None:
            _, state = self._read(ids, adapter)
        projection: Array = state.projection[0]
        return projection

    def _read(self, ids: Ids, adapter: Adapter) -> tuple[_Output, State]:
        known, state = self._longest_cached_prefix(ids)
        output = None
        for end in range(known + 1, len(ids) + 1):
            log_probs, state = self._step(ids[end - 1], state, adapter)
            output = _Output(log_probs, mixed=False)
            with self._lock:
                _put(self._outputs, (adapter, ids[:end]), output, MAX_LOG_PROBS)
                _put(self._states, ids[:end], state, MAX_STATES)
        assert output is not None, "a context begins with BOS"
        return output, state

    def _cached(self, adapter: Adapter, ids: Ids) -> _Output | None:
        with self._lock:
            output = self._outputs.get((adapter, ids))
            if output is not None:
                self._outputs.move_to_end((adapter, ids))
            return output

    def _longest_cached_prefix(self, ids: Ids) -> tuple[int, State]:
        """Returns the length and the state of the longest cached prefix that is shorter than `ids`."""
        with self._lock:
            for length in range(len(ids) - 1, 0, -1):
                state = self._states.get(ids[:length])
                if state is not None:
                    self._states.move_to_end(ids[:length])
                    return length, state
        return 0, self._zero


def _put(cache: OrderedDict[Key, Value], key: Key, value: Value, limit: int) -> None:
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > limit:
        cache.popitem(last=False)
