"""The weight of the owner's n-grams is chosen on the held-out messages, and the phone stores it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from device_runtime.adaptation.ngram_weight import choose_ngram_weight
from device_runtime.inference.engine import Engine
from device_runtime.manifest import Recipe
from device_runtime.phone.phone import Phone
from device_runtime.prediction.user_model import UserNgramModel
from keyboard_model.batching import AdaptationWindow
from keyboard_model.text.units import units

CHANGES = {
    "recipe": {
        "algorithm": "none",
        "steps": 0,
        "newest_words": 500,
        "holdout_share": 0.2,
        "gate": {"min_words": 4, "margin": 0.0},
        "history": {
            "cache_weight": 0.5,
            "cache_half": 5,
            "discount": 0.1,
            "concentration_2": 1,
            "concentration_3": 1,
            "strengths": 5,
            "strength_words": 4,
        },
    }
}
SAME = ["see zorblatt at home", "zorblatt see you"] * 10
OTHER = [
    "thanks for coming today",
    "what about dinner then",
    "nothing new over here",
    "maybe next week again",
    "lost keys",
]


@pytest.fixture
def weight_engine(rebuilt: Callable[..., Engine]) -> Engine:
    return rebuilt(CHANGES)


def recipe_of(engine: Engine) -> Recipe:
    return engine.bundle.manifest.recipe


def strength(engine: Engine, earlier: list[str], tail: list[str]) -> float:
    return choose_ngram_weight(
        engine, recipe_of(engine), AdaptationWindow(earlier, [], tail), engine.bundle.adapter_init
    )


def test_repeated_messages_get_the_full_weight(weight_engine: Engine) -> None:
    assert strength(weight_engine, SAME, SAME[:4]) == 1.0


def test_unrelated_new_messages_get_weight_0(weight_engine: Engine) -> None:
    assert strength(weight_engine, SAME, OTHER) == 0.0


def test_with_too_few_held_out_words_the_weight_is_a_half(weight_engine: Engine) -> None:
    assert strength(weight_engine, SAME, ["thanks for coming"]) == 0.5
    assert strength(weight_engine, SAME, []) == 0.5


def test_the_weight_minimizes_the_loss_with_each_word_judged_before_it_is_counted(weight_engine: Engine) -> None:
    earlier, tail = ["see you at home"] * 3, ["see zorblatt now", "zorblatt at sea now", "see you today at sea"]
    history = UserNgramModel(recipe_of(weight_engine).history, weight_engine.lexicon.piece_of)
    for message in earlier:
        history.observe(units(message))
    losses = np.zeros(5)
    for message in tail:
        state, log_probs = weight_engine.zero_state(), None
        before: list[str] = []
        pieces = [weight_engine.shape.bos]
        for word in message.split():
            alone = 1.0
            for piece in weight_engine.tokenizer.encode_word(word):
                log_probs, state = weight_engine.step(pieces[-1], state, weight_engine.bundle.adapter_init)
                alone *= float(np.exp(log_probs[piece]))
                pieces.append(piece)
            mixture, index = history.mixture(before), history.index(word)
            mixed = mixture.scale * alone + (0.0 if index is None else mixture.extra[index])
            losses -= [np.log((1 - s) * alone + s * mixed) for s in (1.0, 0.75, 0.5, 0.25, 0.0)]
            before.append(word)
        history.observe(units(message))
    assert 0 < losses.argmin() < 4, "the messages are chosen so that neither all nor nothing is best"
    assert strength(weight_engine, earlier, tail) == 1.0 - 0.25 * losses.argmin()


def shown(phone: Phone, personal: bool) -> list[tuple[str, float]]:
    return [(key.word, key.probability) for key in phone.predict("see", k=5, personal=personal)]


def test_a_phone_keeps_the_weight_through_a_restart_and_resets_it_when_it_forgets(
    weight_engine: Engine, tmp_path: Path
) -> None:
    with Phone.open(tmp_path / "phone", weight_engine) as phone:
        phone.observe_many([*SAME, *OTHER])
        assert shown(phone, personal=True) != shown(phone, personal=False)
        phone.adapt()
        assert shown(phone, personal=True) == shown(phone, personal=False)
    with Phone.open(tmp_path / "phone", weight_engine) as phone:
        assert shown(phone, personal=True) == shown(phone, personal=False)
        phone.forget_all()
        phone.observe_many(SAME)
        assert shown(phone, personal=True) != shown(phone, personal=False)


def test_a_recipe_with_one_strength_keeps_the_full_weight(rebuilt: Callable[..., Engine], tmp_path: Path) -> None:
    engine = rebuilt({"recipe": {**CHANGES["recipe"], "history": {**CHANGES["recipe"]["history"], "strengths": 1}}})
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.observe_many([*SAME, *OTHER])
        before = shown(phone, personal=True)
        phone.adapt()
        assert shown(phone, personal=True) == before != shown(phone, personal=False)
