"""Reads the owner's messages for the user model: their units, the projections before their words, and their words."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from device_runtime.adapter.adapter import Adapter
from device_runtime.adapter.encodings import Array
from device_runtime.inference.context_cache import truncate_context
from device_runtime.inference.engine import Engine
from keyboard_model.text.units import Kind, Unit, units


class ReadMessage(NamedTuple):
    """A message. `projections` `[W, E]`: before its last W words, which the neural cache keeps; None: it keeps none."""

    text: str
    units: list[Unit]
    projections: Array | None


class TypedWord(NamedTuple):
    """A word of a message.

    Attributes:
        text: In lower case.
        before: The texts of the last two units before it.
        projection: The shared model's projection before it; None if the neural cache does not keep it. `[E]`
        shared: The model's log-probabilities of the piece after the units before it. `[V]`
        chance: The model's probability of the word.
    """

    text: str
    before: list[str]
    projection: Array | None
    shared: Array
    chance: float


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


def typed_words(
    engine: Engine, message: ReadMessage, adapter: Adapter, wanted: Container[int] | None = None
) -> Iterator[TypedWord]:
    """Yields the words of a message, in order.

    Args:
        wanted: The numbers of the words to yield; None for all.
    """
    units, encoded = message.units, engine.tokenizer.encode(message.text)
    starts = [at for at, unit in enumerate(units) if unit.kind is Kind.WORD]
    pieces: list[list[int]] = [[] for _ in starts]
    for at, word in enumerate(encoded.word_of):
        if word >= 0:
            pieces[word].append(at)
    for number, (at, own, projection) in enumerate(
        zip(starts, pieces, by_word(message.projections, len(starts)), strict=True)
    ):
        if wanted is None or number in wanted:
            logs = [engine.reader.log_probs(truncate_context(encoded.ids, place), adapter) for place in own]
            chance = math.exp(sum(float(log[encoded.ids[place]]) for log, place in zip(logs, own, strict=True)))
            before = [unit.text for unit in units[max(at - 2, 0) : at]]
            yield TypedWord(units[at].text, before, projection, logs[0], chance)


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
