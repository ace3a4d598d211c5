"""Chooses the weight of the owner's n-grams: the one that predicts the held-out messages best.

    P_s(w) = (1 − s)·P(w) + s·p3(w),    s from a grid between 1 and 0

P is the personal model, and p3 is its mixture with the owner's n-grams (`prediction.user_model`). This is Mansour et
al. 2020 (arXiv:2002.10619), section 5, applied to probabilities; `algorithms.interpolation` applies it to parameters.
Each word is judged with the counts of everything that was typed before it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from device_runtime.adapter.adapter import Adapter
from device_runtime.inference.engine import Engine
from device_runtime.manifest import Recipe
from device_runtime.prediction.read_messages import ReadMessage, read_messages, typed_words
from device_runtime.prediction.user_model import UserNgramModel
from keyboard_model.batching import AdaptationWindow, count_words

TOO_FEW_WORDS = 0.5
"""The weight if too few words are held out to choose one."""


def choose_ngram_weight(engine: Engine, recipe: Recipe, window: AdaptationWindow, adapter: Adapter) -> float:
    """Returns the s in [0, 1] with the least mean loss on the held-out messages; of a tie, the largest.

    `recipe.history.strengths` values are tried. If fewer than `recipe.history.strength_words` words are held out, s is
    a half: they do not tell how much the owner's words help, and with the full weight they hurt more of such owners.

    Args:
        engine: Runs the bundle.
        recipe: The recipe of the bundle.
        window: The n-grams are counted from `earlier` and `training`, and judged on `held_out`.
        adapter: The adapter in use.
    """
    history = UserNgramModel(recipe.history, engine.lexicon.piece_of)
    seen = [*window.earlier, *window.training]
    for message in read_messages(engine, seen, sum(map(count_words, seen))):
        history.observe(message.units, message.projections)
    tail = read_messages(engine, window.held_out, 0)  # all of these are counted in the cache
    words = [word for message in tail for word in _words(engine, history, message, adapter)]
    if len(words) < recipe.history.strength_words:
        return TOO_FEW_WORDS
    alone, mixed = np.array(words).T
    strengths = np.linspace(1.0, 0.0, recipe.history.strengths)
    losses = [-np.log((1.0 - s) * alone + s * mixed).mean() for s in strengths]
    return float(strengths[int(np.argmin(losses))])


def _words(
    engine: Engine, history: UserNgramModel, message: ReadMessage, adapter: Adapter
) -> Iterator[tuple[float, float]]:
    """Yields each word's probability by the model alone and mixed. Counts the message after its last word."""
    for word in typed_words(engine, message, adapter):
        mixture = history.mixture(word.before, word.projection, word.shared)
        index = history.index(word.text)
        yield word.chance, mixture.scale * word.chance + (0.0 if index is None else float(mixture.extra[index]))
    history.observe(message.units, message.projections)
