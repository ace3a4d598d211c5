"""Reads the owner's messages for the user model: their units, and the shared model's projections before their words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from device_runtime.adapter.encodings import Array
from device_runtime.inference.context_cache import truncate_context
from device_runtime.inference.engine import Engine
from keyboard_model.text.units import Kind, Unit, units


class ReadMessage(NamedTuple):
    """A message. `projections` `[W, E]`: before each of its words; None if the neural cache would not keep them."""

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
        later -= sum(unit.kind is Kind.WORD for unit in typed)
        kept = recipe.is_on and later < recipe.words
        yield ReadMessage(message, typed, _projections(engine, message) if kept else None)


def _projections(engine: Engine, message: str) -> Array:
    encoded = engine.tokenizer.encode(message)
    starts = [encoded.word_of.index(word) for word in range(len(encoded.words))]
    before = [projection_after(engine, encoded.ids[:start]) for start in starts]
    return np.array(before, np.float32).reshape(-1, engine.shape.embedding)


def projection_after(engine: Engine, ids: Sequence[int]) -> Array:
    """Returns the LSTM's projection after the pieces of a message, which begin with BOS. `[E]`"""
    return engine.reader.projection(truncate_context(ids), engine.bundle.adapter_init)
