"""One adaptation: training on the newest messages, and the gate on the held-out ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from device_runtime.adaptation import adapt as adaptation
from device_runtime.adaptation.adapt import judge, not_judged
from device_runtime.adaptation.local_steps import planned_steps
from device_runtime.inference.engine import Engine
from device_runtime.manifest import GateRecipe, Recipe
from keyboard_model.batching import IGNORE, AdaptationWindow, Batch, pack
from keyboard_model.step_sizes import StepSizes
from tests.support.device_runtime.adapters import same

MESSAGES = ["see you at home", "ok thanks see you", "are you coming home now", "thanks"] * 15
RECIPE = {
    "steps": 4,
    "passes": 0.0,
    "learning_rate": 0.1,
    "bias_rate": 1.0,
    "proximal": 0.0,
    "clip": 10.0,
    "newest_words": 500,
    "holdout_share": 0.2,
    "gate": {"min_words": 5, "margin": 0.0},
    "adapter_dtype": "float32",
}


@pytest.fixture
def adapt(rebuilt: Callable[..., Engine]) -> Callable[..., tuple[adaptation.Adaptation, Engine]]:
    def run(messages: list[str], **changes: Any) -> tuple[adaptation.Adaptation, Engine]:
        engine = rebuilt({"recipe": {**RECIPE, **changes}})
        init = engine.bundle.adapter_init
        recipe = engine.bundle.manifest.recipe
        return adaptation.adapt(engine, recipe, window_of(recipe, messages), init, engine.bundle.starts), engine

    return run


def window_of(recipe: Recipe, messages: list[str]) -> AdaptationWindow:
    return AdaptationWindow.of(messages, recipe.newest_words, recipe.holdout_share, recipe.holdout_words)


def test_repetitive_messages_give_an_adapter_that_the_gate_keeps(adapt: Callable[..., Any]) -> None:
    result, engine = adapt(MESSAGES)
    assert result.verdict.kept, result.verdict
    assert result.verdict.after < result.verdict.before
    assert result.steps == 4
    assert not same(result.adapter, engine.bundle.adapter_init)


def test_the_adapter_does_not_depend_on_the_one_in_use(adapt: Callable[..., Any]) -> None:
    result, engine = adapt(MESSAGES)
    recipe, starts = engine.bundle.manifest.recipe, engine.bundle.starts
    again = adaptation.adapt(engine, recipe, window_of(recipe, MESSAGES), result.adapter, starts)
    assert same(again.adapter, result.adapter)
    assert again.verdict.kept


def test_held_out_messages_are_not_trained_on(adapt: Callable[..., Any]) -> None:
    one, _ = adapt(MESSAGES[:48] + ["thanks see you at home"] * 12, gate={"min_words": 0, "margin": 0.0})
    two, _ = adapt(MESSAGES[:48] + ["see you see you see you"] * 12, gate={"min_words": 0, "margin": 0.0})
    assert one.verdict.kept
    assert two.verdict.kept
    assert same(one.adapter, two.adapter)


def test_steps_equal_direct_calls_of_the_signature(adapt: Callable[..., Any]) -> None:
    result, engine = adapt(MESSAGES, steps=3)
    shape, init, recipe = engine.shape, engine.bundle.adapter_init, engine.bundle.manifest.recipe
    windows = pack([engine.tokenizer.encode(text) for text in MESSAGES[:48]], shape.window, shape.bos)
    batches = [
        (windows.tokens[at : at + shape.batch], windows.targets[at : at + shape.batch])
        for at in range(0, len(windows.tokens), shape.batch)
    ]
    tokens, targets = batches[-1]
    missing = shape.batch - len(tokens)
    batches[-1] = (
        np.pad(tokens, ((0, missing), (0, 0)), constant_values=shape.bos),
        np.pad(targets, ((0, missing), (0, 0)), constant_values=IGNORE),
    )
    expected = init
    number, rates = planned_steps(recipe, [Batch(*batch) for batch in batches])
    assert number == 3
    for step in range(number):
        expected, _ = engine.adapt(*batches[step % len(batches)], expected, init, rates)
    assert same(result.adapter, expected)


RATES = {"steps": 4, "learning_rate": 0.4, "bias_rate": 8.0, "evidence": 300.0, "proximal": 0.1, "clip": 5.0}


def text_of(batches: int, pieces: int) -> list[Batch]:
    targets = np.where(np.arange(batches * 100).reshape(batches, 5, 20) < pieces, 7, IGNORE).astype(np.int32)
    return [Batch(np.ones_like(batch), batch) for batch in targets]


def test_step_sizes_grow_with_the_amount_of_typed_text(engine: Engine) -> None:
    recipe = engine.bundle.manifest.recipe.model_copy(update={**RATES, "passes": 0.0})
    sizes = StepSizes(learning_rate=0.1, bias_rate=2.0, proximal=0.1, clip=5.0)
    assert planned_steps(recipe, text_of(1, 100)) == (4, sizes)
    assert planned_steps(recipe, text_of(1, 0))[1].bias_rate == 0.0
    assert planned_steps(recipe.model_copy(update={"evidence": 0.0}), text_of(1, 1))[1].bias_rate == 8.0


@pytest.mark.parametrize(
    ("passes", "batches", "number"), [(0.0, 64, 4), (1.0, 3, 4), (1.0, 64, 64), (0.3, 64, 20), (2.0, 0, 0)]
)
def test_much_text_gets_more_steps_that_are_smaller(engine: Engine, passes: float, batches: int, number: int) -> None:
    recipe = engine.bundle.manifest.recipe.model_copy(update={**RATES, "passes": passes, "evidence": 0.0})
    steps, sizes = planned_steps(recipe, text_of(batches, 100 * batches))
    assert steps == number
    assert sizes.learning_rate == pytest.approx(0.4 * (4 / number) ** 0.5 if number else 0.0)
    assert sizes.bias_rate == pytest.approx(20 * sizes.learning_rate)


def test_without_steps_there_are_none_however_many_passes(engine: Engine) -> None:
    recipe = engine.bundle.manifest.recipe.model_copy(update={"steps": 0, "passes": 3.0})
    assert planned_steps(recipe, text_of(5, 500))[0] == 0


def test_the_result_tells_how_many_steps_were_taken(adapt: Callable[..., Any]) -> None:
    result, engine = adapt(MESSAGES, passes=3.0)
    shape = engine.shape
    learned = pack([engine.tokenizer.encode(text) for text in MESSAGES[:48]], shape.window, shape.bos)
    assert result.steps == 3 * math.ceil(len(learned.tokens) / shape.batch) > 4


def test_the_adapter_is_rounded_to_its_encoding_before_it_is_judged(adapt: Callable[..., Any]) -> None:
    result, _ = adapt(MESSAGES, adapter_dtype="float16")
    assert same(result.adapter, result.adapter.stored_as("float16"))


def test_word_losses_gives_one_positive_loss_for_each_word(engine: Engine) -> None:
    windows = pack([engine.tokenizer.encode(text) for text in MESSAGES[:9]], engine.shape.window, engine.shape.bos)
    losses = adaptation.word_losses(engine, windows, engine.bundle.adapter_init)
    assert len(losses) == sum(len(text.split()) for text in MESSAGES[:9])
    assert (losses > 0).all()


@pytest.mark.parametrize(
    ("messages", "changes", "reason"),
    [
        ([], {}, "no messages to learn from"),
        (["..."], {}, "no messages to learn from"),
        (["hello"], {}, "no messages to learn from"),
        (MESSAGES[:4], {}, "words are held out, but the gate needs 5"),
        (MESSAGES, {"steps": 0}, "trains no adapter"),
        (MESSAGES, {"holdout_share": 0.0, "gate": {"min_words": 0}}, "0 words are held out"),
        (MESSAGES, {"learning_rate": 1e30, "bias_rate": 1e30}, "diverged"),
        (MESSAGES, {"bias_rate": 3e4, "clip": 1e6}, "needed"),
        (MESSAGES, {"gate": {"margin": 1e9}}, "needed"),
    ],
)
def test_the_old_adapter_stays_with_a_reason(
    adapt: Callable[..., Any], messages: list[str], changes: dict[str, Any], reason: str
) -> None:
    result, engine = adapt(messages, **changes)
    assert result.adapter is engine.bundle.adapter_init
    assert not result.verdict.kept
    assert reason in result.verdict.reason


def test_messages_before_the_newest_words_are_ignored(adapt: Callable[..., Any]) -> None:
    long, _ = adapt(["never seen again"] * 200 + MESSAGES, newest_words=100)
    short, _ = adapt(MESSAGES, newest_words=100)
    assert same(long.adapter, short.adapter)


def test_adapts_with_a_message_of_ten_thousand_words(adapt: Callable[..., Any]) -> None:
    result, _ = adapt(["home " * 10_000, *["see you at home"] * 9])
    assert (result.steps, result.verdict.tail_words) == (4, 8)


BEFORE = np.array([2.0, 3.0, 4.0, 5.0])


def test_the_gate_keeps_an_adapter_that_gains() -> None:
    verdict = judge(BEFORE, BEFORE - 0.5, GateRecipe(min_words=1, margin=0.0))
    assert verdict.kept
    assert (verdict.tail_words, verdict.before, verdict.after) == (4, 3.5, 3.0)
    assert "gains 0.500" in verdict.reason


def test_the_gate_rejects_an_adapter_that_loses() -> None:
    assert not judge(BEFORE, BEFORE + 1e-6, GateRecipe(min_words=1, margin=0.0)).kept


def test_the_gate_keeps_an_adapter_with_equal_losses() -> None:
    assert judge(BEFORE, BEFORE, GateRecipe(min_words=1, margin=0.0)).kept


@pytest.mark.parametrize(("margin", "kept"), [(0.0, True), (1.7, True), (1.8, False)])
def test_the_gate_measures_its_margin_in_standard_errors(margin: float, kept: bool) -> None:
    # Gains 1, 1, 0, 0: mean 0.5, standard deviation √(1/3), standard error √(1/3)/2 = 0.289; 0.5 is 1.73 of them.
    after = BEFORE - np.array([1.0, 1.0, 0.0, 0.0])
    assert judge(BEFORE, after, GateRecipe(min_words=1, margin=margin)).kept is kept


def test_the_gate_rejects_a_diverged_training() -> None:
    verdict = judge(BEFORE, np.full(4, np.nan), GateRecipe(min_words=1, margin=0.0))
    assert not verdict.kept
    assert "diverged" in verdict.reason


def test_not_judged_keeps_the_old_adapter_and_its_loss() -> None:
    verdict = not_judged("why", BEFORE)
    assert (verdict.kept, verdict.reason, verdict.before, verdict.after) == (False, "why", 3.5, 3.5)
    assert not_judged("why", np.zeros(0)).before == 0.0
