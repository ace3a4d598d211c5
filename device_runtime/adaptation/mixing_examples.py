"""What a phone contributes to the training of the mixing weights: some words that its owner typed, as numbers.

Each word is predicted from the counts of everything that was typed before it, as when it was typed. An example has the
features of the context and the probability that each component gave the word, and neither the word nor its context.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from device_runtime.inference.engine import Engine
from device_runtime.manifest import COMPONENTS, FEATURES
from device_runtime.prediction.read_messages import read_messages, typed_words
from device_runtime.prediction.user_model import UserNgramModel
from keyboard_model.batching import count_words, newest_messages

MOST_WORDS = 5_000
"""Of an owner, so many of the newest words are counted. The model reads them all for the neural cache, in seconds."""

Floats = npt.NDArray[np.floating[Any]]


class MixingExamples(NamedTuple):
    """The examples of one owner.

    Attributes:
        features: See `prediction.mixing.features`. `[n, F]`
        present: Which components know something in the context. `[n, K]`
        chances: The probability of the typed word by each component. `[n, K]`
    """

    features: Floats
    present: npt.NDArray[np.bool_]
    chances: Floats


def mixing_examples(engine: Engine, messages: Sequence[str], most: int) -> MixingExamples:
    """Returns the examples of an owner who typed these messages, in order.

    Args:
        engine: Runs the bundle, whose recipe gives the discount and the neural cache.
        most: At most so many words are examples, a random sample with a fixed seed.
    """
    recipe = engine.bundle.manifest.recipe.history
    history = UserNgramModel(recipe, engine.lexicon.piece_of)
    counted = newest_messages(reversed(messages), MOST_WORDS, count_words)
    words = sum(map(count_words, counted))
    chosen = set(np.random.default_rng(0).permutation(words)[:most].tolist())
    rows = []
    for message in read_messages(engine, counted, 0):  # each word enters the neural cache
        wanted = {number - history.total for number in chosen}
        for word in typed_words(engine, message, engine.bundle.adapter_init, wanted):
            parts = history.components(word.before, word.projection, word.shared)
            index = history.index(word.text)
            of_owner = np.zeros(COMPONENTS - 1) if index is None else parts.distributions[:, index]
            rows.append((parts.features, parts.present, [word.chance, *of_owner]))
        history.observe(message.units, message.projections)
    features, present, chances = zip(*rows, strict=True) if rows else ((), (), ())
    return MixingExamples(
        np.array(features, np.float32).reshape(-1, FEATURES),
        np.array(present, np.bool_).reshape(-1, COMPONENTS),
        np.array(chances, np.float32).reshape(-1, COMPONENTS),
    )
