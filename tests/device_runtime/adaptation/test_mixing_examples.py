"""The examples of an owner are the numbers that the phone would have mixed when each word was typed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from device_runtime.adaptation.mixing_examples import mixing_examples
from device_runtime.inference.engine import Engine
from device_runtime.manifest import COMPONENTS, FEATURES
from device_runtime.prediction import mixing
from device_runtime.prediction.user_model import UserNgramModel
from keyboard_model.text.units import units

MESSAGES = ["see you at home", "see you at sea", "", "!!", "see you at home"]
WORDS = 12
CACHE = {"recipe": {"history": {"neural_cache": {"words": 5, "weight": 0.5, "half": 5, "sharpness": 5.0}}}}


@pytest.fixture
def engine(rebuilt: Callable[..., Engine]) -> Engine:
    return rebuilt(CACHE)


def test_every_word_is_an_example_with_the_counts_before_it(engine: Engine) -> None:
    examples = mixing_examples(engine, MESSAGES, most=1000)
    assert [part.shape for part in examples] == [(WORDS, FEATURES), (WORDS, COMPONENTS), (WORDS, COMPONENTS)]
    assert examples.present[0].tolist() == [True, False, False, False, False]  # nothing was typed before
    history = UserNgramModel(engine.bundle.manifest.recipe.history, engine.lexicon.piece_of)
    for message in MESSAGES[:4]:
        history.observe(units(message))
    counted = mixing.FEATURES.index("words")
    # "home" of the last message: after "at" {home, sea}, after "you at" likewise; 8 words before the message.
    assert examples.features[-1, counted] == pytest.approx(np.log1p(8) / 5)
    assert examples.chances[-1, 1:4] == pytest.approx([1 / 8, 0.5, 0.5])
    assert examples.present[-1].all()


def test_the_shares_of_a_word_are_those_that_the_phone_mixes(engine: Engine) -> None:
    examples = mixing_examples(engine, MESSAGES, most=1000)
    assert (examples.chances >= 0).all() and (examples.chances <= 1).all()
    assert not examples.chances[~examples.present].any()
    first = engine.tokenizer.encode(MESSAGES[0])
    alone = np.exp(engine.reader.log_probs(tuple(first.ids[:1]), engine.bundle.adapter_init)[first.ids[1]])
    assert examples.chances[0, 0] == pytest.approx(float(alone), rel=1e-4)


def test_most_words_are_a_fixed_random_part(engine: Engine) -> None:
    some, again = (mixing_examples(engine, MESSAGES, most=4) for _ in range(2))
    assert len(some.features) == 4
    np.testing.assert_array_equal(some.chances, again.chances)


def test_an_owner_without_a_word_has_no_examples(engine: Engine) -> None:
    assert [part.shape for part in mixing_examples(engine, ["", "?!"], 9)] == [
        (0, FEATURES),
        (0, COMPONENTS),
        (0, COMPONENTS),
    ]
