"""One adaptation: the recipe's algorithm over the newest messages, then the gate.

The adapter is derived anew from the history each time, never from the adapter before it, so that
errors cannot accumulate over months.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_runtime.adaptation.gate import Verdict, judge, not_judged
from device_runtime.adaptation.local_steps import count_targets, log_probs
from device_runtime.adapter.adapter import Adapter
from device_runtime.algorithm_registry import algorithm_named
from device_runtime.inference.engine import TrainingEngine
from device_runtime.manifest import Recipe
from keyboard_model.batching.adaptation_window import AdaptationWindow
from keyboard_model.batching.windows import IGNORE, Windows


@dataclass(frozen=True)
class Adaptation:
    """The result of one adaptation.

    Attributes:
        adapter: The one to use from now on: the new one if the verdict kept it, else the old one.
        verdict: The gate's verdict.
        steps: Local steps taken.
        seconds: Wall time.
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
        recipe: The bundle's.
        window: The owner's messages to learn from and those held out.
        current: The adapter in use.
        starts: The bundle's initial adapters; a phone that never adapted uses the first.
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
    return Adaptation(adapter, verdict, recipe.steps, time.perf_counter() - started)


def candidate_adapter(
    engine: TrainingEngine, recipe: Recipe, training: Windows, tail: Windows, starts: Sequence[Adapter]
) -> Adapter:
    """Returns what the recipe's algorithm makes of the windows, before it is encoded or judged."""
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
    if tail_words < max(recipe.gate.min_words, 1):
        return f"{tail_words} words are held out, {max(recipe.gate.min_words, 1)} are needed to judge"
    return None


def word_losses(engine: TrainingEngine, windows: Windows, adapter: Adapter) -> npt.NDArray[np.float64]:
    """Loss in nats of each word of the windows, in order: the sum over its pieces. `[W]`"""
    found = log_probs(engine, windows, adapter)
    engine.rest()  # so that training and judging never fill the phone's memory together
    words = windows.word_ids[windows.targets != IGNORE]
    return np.bincount(words, weights=-found).astype(np.float64)
