"""How strongly the owner's words count: chosen on the tail, kept by the phone."""

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
from keyboard_model.batching.time_splits import AdaptationWindow
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
def weighing(rebuilt: Callable[..., Engine]) -> Engine:
    return rebuilt(CHANGES)


def recipe_of(engine: Engine) -> Recipe:
    return engine.bundle.manifest.recipe


def strength(engine: Engine, earlier: list[str], tail: list[str]) -> float:
    return choose_ngram_weight(
        engine, recipe_of(engine), AdaptationWindow(earlier, [], tail), engine.bundle.adapter_init
    )


def test_who_repeats_themselves_gets_all_of_it(weighing: Engine) -> None:
    assert strength(weighing, SAME, SAME[:4]) == 1.0


def test_who_writes_of_something_new_gets_none(weighing: Engine) -> None:
    assert strength(weighing, SAME, OTHER) == 0.0


def test_a_short_tail_decides_nothing(weighing: Engine) -> None:
    assert strength(weighing, SAME, ["thanks for coming"]) == 1.0
    assert strength(weighing, SAME, []) == 1.0


def test_it_is_the_grid_s_least_loss_with_each_word_judged_before_it_is_counted(weighing: Engine) -> None:
    earlier, tail = ["see you at home"] * 3, ["see zorblatt now", "zorblatt at sea now", "see you today at sea"]
    history = UserNgramModel(recipe_of(weighing).history, weighing.lexicon.piece_of)
    for message in earlier:
        history.observe(units(message))
    losses = np.zeros(5)
    for message in tail:
        state, log_probs = weighing.zero_state(), None
        before: list[str] = []
        pieces = [weighing.shape.bos]
        for word in message.split():
            alone = 1.0
            for piece in weighing.tokenizer.encode_word(word):
                log_probs, state = weighing.step(pieces[-1], state, weighing.bundle.adapter_init)
                alone *= float(np.exp(log_probs[piece]))
                pieces.append(piece)
            mixture, index = history.mixture(before), history.index(word)
            mixed = mixture.scale * alone + (0.0 if index is None else mixture.extra[index])
            losses -= [np.log((1 - s) * alone + s * mixed) for s in (1.0, 0.75, 0.5, 0.25, 0.0)]
            before.append(word)
        history.observe(units(message))
    assert 0 < losses.argmin() < 4, "the messages are chosen so that neither all nor nothing is best"
    assert strength(weighing, earlier, tail) == 1.0 - 0.25 * losses.argmin()


def shown(phone: Phone, personal: bool) -> list[tuple[str, float]]:
    return [(key.word, key.probability) for key in phone.predict("see", k=5, personal=personal)]


def test_a_phone_keeps_it_through_a_restart_and_forgets_it(weighing: Engine, tmp_path: Path) -> None:
    with Phone.open(tmp_path / "phone", weighing) as phone:
        phone.observe_many([*SAME, *OTHER])
        assert shown(phone, personal=True) != shown(phone, personal=False)
        phone.adapt()
        assert shown(phone, personal=True) == shown(phone, personal=False)
    with Phone.open(tmp_path / "phone", weighing) as phone:
        assert shown(phone, personal=True) == shown(phone, personal=False)
        phone.forget_all()
        phone.observe_many(SAME)
        assert shown(phone, personal=True) != shown(phone, personal=False)


def test_with_one_strength_nothing_is_chosen(rebuilt: Callable[..., Engine], tmp_path: Path) -> None:
    engine = rebuilt({"recipe": {**CHANGES["recipe"], "history": {**CHANGES["recipe"]["history"], "strengths": 1}}})
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.observe_many([*SAME, *OTHER])
        before = shown(phone, personal=True)
        phone.adapt()
        assert shown(phone, personal=True) == before != shown(phone, personal=False)
