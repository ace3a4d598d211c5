"""One adaptation: K local steps from the shared start over the newest messages, then the gate.

The adapter is derived anew from the history each time, never from the adapter before it, so that
errors cannot pile up over months.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_runtime.adapter import Adapter
from device_runtime.engine import Engine
from device_runtime.gate import Verdict, judge, not_judged
from device_runtime.manifest import Recipe
from keyboard_model.newest import hold_out, newest
from keyboard_model.windows import IGNORE, Windows, pack

Batch = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]


@dataclass(frozen=True)
class Adaptation:
    """What came of one adaptation.

    Attributes:
        adapter: The one to use from now on: the new one where the verdict kept it, else the old.
        verdict: The gate's.
        steps: Local steps taken.
        seconds: Wall time.
    """

    adapter: Adapter
    verdict: Verdict
    steps: int
    seconds: float


@dataclass(frozen=True)
class Rates:
    """What one step moves by: see `keyboard_model.adapter.Rates`."""

    learning_rate: float
    bias_rate: float
    proximal: float
    clip: float

    @classmethod
    def of(cls, recipe: Recipe, pieces: int) -> Rates:
        """The recipe's rates for someone who typed so many pieces: times n / (n + evidence)."""
        share = pieces / (pieces + recipe.evidence) if pieces else 0.0
        return cls(recipe.learning_rate * share, recipe.bias_rate * share, recipe.proximal, recipe.clip)


def adapt(engine: Engine, recipe: Recipe, messages: Sequence[str], current: Adapter, anchor: Adapter) -> Adaptation:
    """Trains an adapter on one owner's messages and judges it.

    Args:
        engine: Runs the model.
        recipe: The bundle's.
        messages: Oldest first; the newest that hold `recipe.newest_words` words are used.
        current: The adapter in use.
        anchor: The shared start, where training begins and is pulled back to.
    """
    started = time.perf_counter()
    learnt, held_out = hold_out(newest(engine.tokenizer, messages, recipe.newest_words), recipe.holdout_share)
    training = pack(learnt, engine.shape.window, engine.shape.bos)
    tail = pack(held_out, engine.shape.window, engine.shape.bos)
    before = word_losses(engine, tail, current)
    reason = _obstacle(recipe, training, len(before))
    if reason is not None:
        return Adaptation(current, not_judged(reason, before), 0, time.perf_counter() - started)
    candidate = train(engine, recipe, training, anchor).stored_as(recipe.adapter_dtype)
    verdict = (
        judge(before, word_losses(engine, tail, candidate), recipe.gate)
        if candidate.is_finite()
        else not_judged("the training diverged", before)
    )
    adapter = candidate if verdict.kept else current
    return Adaptation(adapter, verdict, recipe.steps, time.perf_counter() - started)


def _obstacle(recipe: Recipe, training: Windows, tail_words: int) -> str | None:
    if recipe.steps == 0:
        return "the recipe trains no adapter"
    if not (training.targets != IGNORE).any():
        return "there are no messages to learn from yet"
    if tail_words < max(recipe.gate.min_words, 1):
        return f"{tail_words} words are held out, {max(recipe.gate.min_words, 1)} are needed to judge"
    return None


def train(engine: Engine, recipe: Recipe, windows: Windows, anchor: Adapter) -> Adapter:
    """Returns the adapter after `recipe.steps` SGD steps from `anchor`, over the batches in turn."""
    batches = _batches(engine, windows)
    rates = Rates.of(recipe, int((windows.targets != IGNORE).sum()))
    adapter = anchor
    for step in range(recipe.steps):
        tokens, targets = batches[step % len(batches)]
        adapter, _ = engine.adapt(tokens, targets, adapter, anchor, rates)
    engine.rest()
    return adapter


def word_losses(engine: Engine, windows: Windows, adapter: Adapter) -> npt.NDArray[np.float64]:
    """Loss in nats of each word of the windows, in order: the sum over its pieces. `[W]`"""
    if not len(windows.tokens):
        return np.zeros(0)
    log_probs = np.concatenate([engine.evaluate(*batch, adapter) for batch in _batches(engine, windows)])
    engine.rest()  # so that training and judging never fill the phone's memory together
    counted = windows.targets != IGNORE
    losses = -log_probs[: len(counted)][counted].astype(np.float64)
    return np.bincount(windows.word_ids[counted], weights=losses).astype(np.float64)


def _batches(engine: Engine, windows: Windows) -> list[Batch]:
    """The windows in batches of the size that the model takes, the last filled up with what counts nowhere."""
    size, bos = engine.shape.batch, engine.shape.bos
    missing = -len(windows.tokens) % size
    tokens = np.pad(windows.tokens, ((0, missing), (0, 0)), constant_values=bos)
    targets = np.pad(windows.targets, ((0, missing), (0, 0)), constant_values=IGNORE)
    return [(tokens[at : at + size], targets[at : at + size]) for at in range(0, len(tokens), size)]
