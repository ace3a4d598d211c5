"""Reads the owner's messages for the user model: their units, and the shared model's projections before their words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from device_runtime.adapter.encodings import Array
from device_runtime.inference.context_cache import truncate_context
from device_runtime.inference.engine import Engine
from keyboard_model.text.units import Kind, Unit, units


class ReadMessage(NamedTuple):
    """A message. `projections` `[W, E]`: before its last W words, which the neural cache keeps; None: it keeps none."""

    text: str
    units: list[Unit]
    projections: Array | None


def read_messages(engine: Engine, messages: Iterable[str], words: int) -> Iterator[ReadMessage]:
    """Yields the messages, in order. The model reads only those whose words the neural cache keeps: the newest.

    Args:
        engine: Runs the bundle, whose recipe says how many words the cache keeps.
        messages: The messages.
        words: The number of their words.
    """
    recipe = engine.bundle.manifest.recipe.history.neural_cache
    later = words
    for message in messages:
        typed = units(message)
        own = sum(unit.kind is Kind.WORD for unit in typed)
        later -= own
        kept = min(own, recipe.words - max(later, 0)) if recipe.is_on else 0
        yield ReadMessage(message, typed, _projections(engine, message, kept) if kept > 0 else None)


def by_word(projections: Array | None, words: int) -> list[Array | None]:
    """Returns the projection before each word of a message, None for those that the neural cache does not keep.

    Args:
        projections: As in `ReadMessage`.
        words: The number of its words.
    """
    kept = [] if projections is None else list(projections)
    return [None] * (words - len(kept)) + kept


def _projections(engine: Engine, message: str, newest: int) -> Array:
    encoded = engine.tokenizer.encode(message)
    ids, word_of = encoded.ids, encoded.word_of
    starts = [at for at in range(1, len(ids)) if word_of[at] >= 0 and word_of[at] != word_of[at - 1]]
    initial = engine.bundle.adapter_init
    before = [engine.reader.projection(truncate_context(ids, start), initial) for start in starts[-newest:]]
    return np.array(before, np.float32)
