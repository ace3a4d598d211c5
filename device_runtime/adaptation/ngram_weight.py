"""How strongly the owner's words are mixed in: what fits the newest messages best, had they not been counted yet.

    P_s(w) = (1 − s)·P(w) + s·p3(w),    s of a grid from 1 to 0

P is the personal model, p3 its mixture with the owner's n-grams (`user_history`): Mansour et al. 2020
(arXiv:2002.10619), section 5, in the space of probabilities, as `local.interpolate` is in that of weights.
Each word is judged by the counts of all that was typed before it, as it was when it was typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from device_runtime.adapter.adapter import Adapter
from device_runtime.inference.context_cache import truncate_context
from device_runtime.inference.engine import Engine
from device_runtime.manifest import Recipe
from device_runtime.user_model.user_model import UserNgramModel
from keyboard_model.batching.adaptation_window import newest_messages, split_tail
from keyboard_model.text.tokenizer import Tokenizer
from keyboard_model.text.units import Kind, units

Floats = npt.NDArray[np.float64]


def tail_of(tokenizer: Tokenizer, recipe: Recipe, messages: Sequence[str]) -> Sequence[str]:
    """Returns the newest messages, from the first that an adaptation holds out on."""
    missing = len(split_tail(newest_messages(tokenizer, messages, recipe.newest_words), recipe.holdout_share)[1])
    start = len(messages)
    while missing:
        start -= 1
        missing -= bool(tokenizer.encode(messages[start]).words)
    return messages[start:]


def choose_ngram_weight(
    engine: Engine, recipe: Recipe, earlier: Iterable[str], tail: Sequence[str], adapter: Adapter
) -> float:
    """Returns s: the one of `recipe.history.strengths` values with the least mean loss on the tail, ties to the larger.

    Args:
        earlier: all that was typed before the tail, oldest first.
        adapter: the one in use.

    Of a tail with fewer words than the gate needs, 1: the whole of what the recipe mixes in.
    """
    history = UserNgramModel(recipe.history, engine.lexicon.piece_of)
    for message in earlier:
        history.observe(units(message))
    words = [word for message in tail for word in _words(engine, history, message, adapter)]
    if len(words) < max(recipe.gate.min_words, 1):
        return 1.0
    alone, mixed = np.array(words).T
    strengths = np.linspace(1.0, 0.0, recipe.history.strengths)
    losses = [-np.log((1.0 - s) * alone + s * mixed).mean() for s in strengths]
    return float(strengths[int(np.argmin(losses))])


def _words(engine: Engine, history: UserNgramModel, message: str, adapter: Adapter) -> Iterator[tuple[float, float]]:
    """Each word's probability by the model alone and mixed; the message is counted once it is read."""
    found = units(message)
    chances = iter(_chances(engine, message, adapter))
    for at, unit in enumerate(found):
        if unit.kind is Kind.WORD:
            mixture, alone = history.mixture([before.text for before in found[max(at - 2, 0) : at]]), next(chances)
            index = history.index(unit.text)
            yield alone, mixture.scale * alone + (0.0 if index is None else float(mixture.extra[index]))
    history.observe(found)


def _chances(engine: Engine, message: str, adapter: Adapter) -> Floats:
    """The model's probability of each word of a message, n-grams mixed in. `[W]`"""
    encoded = engine.tokenizer.encode(message)
    logs = np.zeros(len(encoded.words))
    for at, (piece, word) in enumerate(zip(encoded.ids, encoded.word_of, strict=True)):
        if word >= 0:
            logs[word] += engine.reader.log_probs(truncate_context(encoded.ids[:at]), adapter)[piece]
    return np.exp(logs)
