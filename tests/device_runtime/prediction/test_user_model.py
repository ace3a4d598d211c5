"""The owner's n-grams match calculations by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from device_runtime.manifest import FEATURES, HistoryRecipe, NeuralCacheRecipe
from device_runtime.prediction import mixing
from device_runtime.prediction.user_model import NO_NEURAL_CACHE, START, Floats, UserNgramModel
from keyboard_model.text.units import units

INF = math.inf


def history(
    *messages: str,
    weight: float = 0.0,
    two: float = INF,
    three: float = INF,
    discount: float = 0.5,
    cache: NeuralCacheRecipe = NO_NEURAL_CACHE,
    weights: tuple[tuple[float, ...], ...] | None = None,
) -> UserNgramModel:
    recipe = HistoryRecipe(
        cache_weight=weight,
        cache_half=4.0,
        discount=discount,
        concentration_2=two,
        concentration_3=three,
        neural_cache=cache,
        mixing=weights,
        strengths=1,
        strength_words=1,
    )
    made = UserNgramModel(recipe, lambda word: {"go": 3, "home": 4}.get(word, -1))
    for message in messages:
        made.observe(units(message))
    return made


def probability(made: UserNgramModel, before: list[str], word: str, shared: float) -> float:
    mixture = made.mixture(before)
    index = made.index(word)
    return mixture.scale * shared + (0.0 if index is None else float(mixture.extra[index]))


def test_an_empty_history_equals_the_shared_model() -> None:
    mixture = history(weight=0.9, two=1.0, three=1.0).mixture(["go"])
    assert mixture.scale == 1.0
    assert not mixture.extra.any()


def test_the_unigram_cache_matches_a_calculation_by_hand() -> None:
    # N = 4 words, λ = 0.5·4/(4 + 4) = 0.25; "go" was typed in 3 of 4.
    made = history("go go home go", weight=0.5)
    assert probability(made, [], "go", 0.1) == pytest.approx(0.75 * 0.1 + 0.25 * 3 / 4)
    assert probability(made, ["never"], "sea", 0.1) == pytest.approx(0.75 * 0.1)


def test_bigrams_match_a_calculation_by_hand() -> None:
    # After "go": "home" twice, "away" once. c = 3, t = 2, d = 0.5, θ = 2.
    made = history("go home", "go home", "go away", two=2.0)
    below = (2 + 0.5 * 2) / (3 + 2)
    assert probability(made, ["go"], "home", 0.1) == pytest.approx(1.5 / 5 + below * 0.1)
    assert probability(made, ["go"], "away", 0.1) == pytest.approx(0.5 / 5 + below * 0.1)
    assert probability(made, ["go"], "sea", 0.1) == pytest.approx(below * 0.1)


def test_trigrams_over_bigrams_over_the_cache_match_a_calculation_by_hand() -> None:
    made = history("we go home", "you go out", weight=0.5, two=2.0, three=4.0, discount=0.5)
    # N = 6, λ = 0.5·6/10 = 0.3; after "go" {home, out}, after "we go" {home}.
    p1 = 0.7 * 0.1 + 0.3 / 6
    p2 = (0.5 + (2 + 0.5 * 2) * p1) / (2 + 2)
    p3 = (0.5 + (4 + 0.5 * 1) * p2) / (1 + 4)
    assert probability(made, ["we", "go"], "home", 0.1) == pytest.approx(p3)
    assert probability(made, ["they", "go"], "home", 0.1) == pytest.approx(p2)


def test_the_start_of_a_message_is_a_context() -> None:
    made = history("hello there", two=0.0, discount=0.0)
    assert probability(made, [], "hello", 0.1) == pytest.approx(1.0)
    assert probability(made, [START], "hello", 0.1) == pytest.approx(1.0)


def test_the_neural_cache_below_the_other_levels_matches_a_calculation_by_hand() -> None:
    made = history(weight=0.5, two=2.0, cache=NeuralCacheRecipe(words=9, weight=0.5, half=2, sharpness=math.log(4)))
    assert not made.needs_projection
    made.observe(units("go home"), np.array([[3, 0], [0, 2]], np.float32))
    assert made.needs_projection
    # N = 2 words, λ = 0.5·2/(2 + 4) = 1/6, μ = 0.5·2/(2 + 2) = 0.25; cosines 1 and 0: m = 4/5 and 1/5.
    p0 = 0.75 * 0.1 + 0.25 * 4 / 5
    p1 = 5 / 6 * p0 + 1 / 6 / 2
    mixture = made.mixture(["never"], np.array([7, 0], np.float32))
    assert mixture.scale * 0.1 + mixture.extra[made.index("go")] == pytest.approx(p1)
    mixture = made.mixture(["go"], np.array([7, 0], np.float32))  # after "go": "home" once
    assert mixture.scale * 0.1 + mixture.extra[made.index("go")] == pytest.approx((2 + 0.5) / 3 * p1)


def test_a_message_without_projections_is_not_in_the_neural_cache() -> None:
    made = history("we go", cache=NeuralCacheRecipe(words=9, weight=0.5, half=0, sharpness=1))
    made.observe(units("home"), np.ones((1, 2), np.float32))
    mixture = made.mixture([], np.ones(2, np.float32))
    assert mixture.extra[made.index("home")] == pytest.approx(0.5)
    assert mixture.extra.sum() == pytest.approx(0.5)


SHARES = (0.4, 0.1, 0.2, 0.2, 0.1)
"""Of the shared model, the owner's words, their followers of one and of two units, and the neural cache."""


def constant_weights(*shares: float) -> tuple[tuple[float, ...], ...]:
    """Returns coefficients that give the components these weights in every context."""
    return tuple((math.log(share), *[0.0] * FEATURES) for share in shares)


def learned(made: UserNgramModel, before: list[str], word: str, projection: Floats | None = None) -> float:
    mixture = made.mixture(before, projection, np.log([0.25] * 4))
    index = made.index(word)
    return mixture.scale * 0.1 + (0.0 if index is None else float(mixture.extra[index]))


def test_learned_weights_match_a_calculation_by_hand() -> None:
    made = history("we go home", "you go out", weights=constant_weights(*SHARES))
    # 6 words. After "go" {home, out}, half of each count is left: 1/2 and 1/2; after "we go" {home}: 1.
    whole = 0.4 + 0.1 + 0.2 + 0.2
    assert learned(made, ["we", "go"], "home") == pytest.approx((0.4 * 0.1 + 0.1 / 6 + 0.2 / 2 + 0.2) / whole)
    assert learned(made, ["they", "go"], "home") == pytest.approx((0.4 * 0.1 + 0.1 / 6 + 0.2 / 2) / (whole - 0.2))
    assert learned(made, ["never"], "home") == pytest.approx((0.4 * 0.1 + 0.1 / 6) / 0.5)


def test_learned_weights_of_the_neural_cache_match_a_calculation_by_hand() -> None:
    cache = NeuralCacheRecipe(words=9, weight=0.5, half=2, sharpness=math.log(4))
    made = history(weights=constant_weights(*SHARES), cache=cache)
    made.observe(units("go home"), np.array([[3, 0], [0, 2]], np.float32))
    cached = (0.4 * 0.1 + 0.1 / 2 + 0.1 * 4 / 5) / (0.4 + 0.1 + 0.1)
    assert learned(made, ["never"], "go", np.array([7, 0], np.float32)) == pytest.approx(cached)


def test_learned_weights_need_what_the_shared_model_says_once_a_word_is_counted() -> None:
    made = history(weights=constant_weights(*SHARES))
    assert not made.needs_shared and made.mixture(["go"]).scale == 1.0 and not made.is_off
    made.observe(units("go home"))
    assert made.needs_shared


def test_the_context_decides_learned_weights() -> None:
    trusting = np.array(constant_weights(0.5, 0.5, 0.5, 0.5, 0.5))
    trusting[2, 1 + mixing.FEATURES.index("after_one_words")] = 3.0
    made = history("go home", "go home", "we sea", weights=tuple(map(tuple, trusting)))
    assert learned(made, ["go"], "home") > learned(made, ["we"], "sea")


def test_every_learned_mixture_is_a_distribution() -> None:
    made = history("we go home", "we go out", "go go go", weights=constant_weights(*SHARES))
    for before in ([], ["we"], ["we", "go"], ["go", "go"], ["x"]):
        mixture = made.mixture(before, None, np.log([0.25] * 4))
        assert mixture.scale + mixture.extra.sum() == pytest.approx(1.0)


def test_marks_and_placeholders_are_context_only() -> None:
    made = history("ok, go <URL> now", two=0.0, discount=0.0)
    assert probability(made, ["ok", ","], "go", 0.1) == pytest.approx(1.0)
    assert probability(made, ["<#>"], "now", 0.1) == pytest.approx(1.0)
    assert made.total == 3
    mixture = history("ok, go <URL> now", weight=0.5).mixture([])
    assert not mixture.extra[[made.index(mark) for mark in (",", "<#>", START)]].any()


def test_every_level_is_a_distribution() -> None:
    messages = ["we go home", "we go out", "go go go", "home, sweet home"]
    made = history(*messages, weight=0.4, two=1.5, three=0.7, discount=0.6)
    vocabulary = [*{word for message in messages for word in message.replace(",", "").split()}, "sea", "sky"]
    for before in ([], ["we"], ["we", "go"], ["go", "go"], ["x"], [","]):
        total = sum(probability(made, before, word, 1 / len(vocabulary)) for word in vocabulary)
        assert total == pytest.approx(1.0)


def test_infinite_concentration_turns_an_order_off() -> None:
    off, vast = history("go home"), history("go home", two=1e15, three=1e15)
    assert off.mixture(["go"]).scale == 1.0
    np.testing.assert_allclose(vast.mixture(["go"]).extra, off.mixture(["go"]).extra, atol=1e-12)


def test_counting_in_steps_equals_counting_at_once() -> None:
    once, on = history("a b c a b", "b a", weight=0.3, two=1.0), history(weight=0.3, two=1.0)
    for message in ("a b c a b", "b a"):
        on.observe(units(message))
    np.testing.assert_array_equal(once.mixture(["b"]).extra, on.mixture(["b"]).extra)


def test_grows_beyond_its_first_arrays() -> None:
    made = history(" ".join(f"w{i}" for i in range(2000)), weight=0.5, two=1.0)
    assert made.mixture(["w1998"]).extra.argmax() == made.index("w1999")
    assert len(made.pieces) == len(made.units)
    assert [made.units[i] for i in made.completions("w199")] == ["w199", *(f"w199{i}" for i in range(10))]


def test_knows_the_single_pieces() -> None:
    made = history("go home away")
    assert [made.pieces[made.index(word)] for word in ("go", "home", "away")] == [3, 4, -1]


def test_strength_scales_the_whole_mixture() -> None:
    made = history("we go home", "you go out", weight=0.5, two=2.0, three=4.0)
    whole = probability(made, ["we", "go"], "home", 0.1)
    made.strength = 0.25
    assert probability(made, ["we", "go"], "home", 0.1) == pytest.approx(0.75 * 0.1 + 0.25 * whole)
    made.strength = 0.0
    assert probability(made, ["we", "go"], "home", 0.1) == 0.1
