"""One adaptation: the recipe's algorithm trains on the newest messages, then the gate judges the new adapter.

Each adaptation starts from the bundle's initial adapters and the whole history, never from the adapter before it, so
errors cannot accumulate over months.

The gate keeps a new adapter only if it is no worse on messages that neither adapter was trained on. Without a gate,
on-device training silently makes the keyboard worse than the shared model for some users: Wang et al. 2019 measured
this for a tenth of the users and more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from device_runtime.adaptation.local_steps import batches, count_targets, log_probs, planned_steps
from device_runtime.adapter.adapter import Adapter
from device_runtime.algorithm_registry import algorithm_named
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import GateRecipe, Recipe
from keyboard_model.batching import IGNORE, AdaptationWindow, Windows

Losses = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Verdict:
    """The decision of the gate.

    Attributes:
        kept: Whether the new adapter replaces the old one.
        reason: Why, in one sentence.
        tail_words: The number of held-out words that it was judged on.
        before: The old adapter's mean loss on these words in nats a word; 0 if there are no words.
        after: The new adapter's mean loss; the old one's if there is no new adapter.
    """

    kept: bool
    reason: str
    tail_words: int
    before: float
    after: float


@dataclass(frozen=True)
class Adaptation:
    """The result of one adaptation.

    Attributes:
        adapter: The adapter to use from now on: the new one if the gate kept it, else the old one.
        verdict: The decision of the gate.
        steps: How many local steps were taken.
        seconds: How long it took, in wall time.
    """

    adapter: Adapter
    verdict: Verdict
    steps: int
    seconds: float


def adapt(
    engine: TrainingEngine, recipe: Recipe, window: AdaptationWindow, current: Adapter, starts: Sequence[Adapter]
) -> Adaptation:
    """Trains an adapter on one owner's messages and judges it.

    Args:
        engine: Runs the model.
        recipe: The recipe of the bundle.
        window: The owner's messages to learn from, and the held-out ones.
        current: The adapter in use.
        starts: The initial adapters of the bundle.
    """
    started = time.perf_counter()
    training, tail = window.pack(engine.tokenizer, engine.shape.window)
    before = word_losses(engine, tail, current)
    reason = _obstacle(recipe, training, len(before))
    if reason is not None:
        return Adaptation(current, not_judged(reason, before), 0, time.perf_counter() - started)
    candidate = candidate_adapter(engine, recipe, training, tail, starts).stored_as(recipe.adapter_dtype)
    verdict = (
        judge(before, word_losses(engine, tail, candidate), recipe.gate)
        if candidate.is_finite()
        else not_judged("the training diverged", before)
    )
    adapter = candidate if verdict.kept else current
    steps, _ = planned_steps(recipe, batches(engine, training))
    return Adaptation(adapter, verdict, steps, time.perf_counter() - started)


def candidate_adapter(
    engine: TrainingEngine, recipe: Recipe, training: Windows, tail: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns the adapter that the recipe's algorithm trains, before it is encoded and judged."""
    algorithm = algorithm_named(recipe.algorithm)
    if algorithm.adapt is None:
        return starts[0]
    candidate: Adapter = algorithm.adapt(engine, recipe, training, tail, starts)
    return candidate


def _obstacle(recipe: Recipe, training: Windows, tail_words: int) -> str | None:
    if recipe.trains_nothing:
        return "the recipe trains no adapter"
    if not count_targets(training):
        return "there are no messages to learn from yet"
    needed = max(recipe.gate.min_words, 1)
    if tail_words < needed:
        return f"{tail_words} words are held out, but the gate needs {needed} to judge"
    return None


def word_losses(engine: TrainingEngine, windows: Windows, adapter: Adapter) -> npt.NDArray[np.float64]:
    """Returns the loss of each word of the windows in nats, in order: the sum over the pieces of the word. `[W]`"""
    scores = log_probs(engine, windows, adapter)
    engine.rest()  # so that evaluation and training never hold their memory at the same time
    words = windows.word_ids[windows.targets != IGNORE]
    return np.bincount(words, weights=-scores).astype(np.float64)


def judge(before: Losses, after: Losses, recipe: GateRecipe) -> Verdict:
    """Compares the losses of two adapters on the same held-out words, `[W]` in nats.

    The new adapter is kept if its mean gain is at least `margin` standard errors of the paired difference.

    >>> losses = np.array([2.0, 3.0, 4.0, 5.0])
    >>> judge(losses, losses - 0.5, GateRecipe(min_words=1, margin=0.0)).reason
    'the new adapter gains 0.500 nats a word on the held-out messages'
    >>> judge(losses, losses + 0.5, GateRecipe(min_words=1, margin=0.0)).kept
    False
    """
    gain = np.asarray(before, np.float64) - np.asarray(after, np.float64)
    mean, words = float(gain.mean()), len(gain)
    error = float(gain.std(ddof=1)) / math.sqrt(words) if words > 1 else 0.0
    needed = recipe.margin * error
    if not math.isfinite(mean):
        kept, reason = False, "the training diverged"
    elif mean >= needed:
        kept, reason = True, f"the new adapter gains {mean:.3f} nats a word on the held-out messages"
    else:
        kept, reason = False, f"a gain of {mean:.3f} nats a word on the held-out messages, but {needed:.3f} are needed"
    return Verdict(kept, reason, words, float(np.mean(before)), float(np.mean(after)))


def not_judged(reason: str, before: Losses) -> Verdict:
    """Returns a verdict that keeps the old adapter without a comparison.

    Args:
        reason: Why nothing was compared.
        before: The old adapter's losses on the held-out words, which may be none.
    """
    loss = float(np.mean(before)) if len(before) else 0.0
    return Verdict(False, reason, len(before), loss, loss)
