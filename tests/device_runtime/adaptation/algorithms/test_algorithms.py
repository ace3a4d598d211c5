"""Each algorithm on a loss that can be computed by hand. `tests/parity/test_every_method.py` compares it with TFF."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device_runtime.adaptation.adapt import candidate_adapter
from device_runtime.adaptation.algorithms.several_starts import mixture_weights
from device_runtime.adapter.adapter import Adapter
from device_runtime.manifest import Recipe
from tests.support.device_runtime.quadratic_engine import NOTHING, QuadraticEngine, at, text


@pytest.fixture
def recipe(engine: Any) -> Recipe:
    """Two full steps with a rate of 0.1, without a pull and without clipping."""
    shipped: Recipe = engine.bundle.manifest.recipe
    values = {"steps": 2, "learning_rate": 0.1, "bias_rate": 0.1, "proximal": 0.0, "clip": 100.0, "evidence": 0.0}
    return shipped.model_copy(update=values)


def adapted(
    recipe: Recipe, name: str, quadratic: QuadraticEngine, *starts: Adapter, tail: Any = NOTHING, **changes: Any
) -> Adapter:
    wanted = recipe.model_copy(update={"algorithm": name, **changes})
    found = candidate_adapter(quadratic, wanted, text(0), tail, starts)  # type: ignore[arg-type]
    assert not quadratic.loaded, "the memory of training was not freed"
    return found


def assert_at(found: Adapter, bias: list[float], low: float = 0.0) -> None:
    np.testing.assert_allclose(found.bias, bias, rtol=1e-6)
    np.testing.assert_allclose(found.lora_a, [[low]], rtol=1e-6)


def test_unchanged_returns_the_start(recipe: Recipe) -> None:
    assert_at(adapted(recipe, "none", QuadraticEngine(at([1, 2])), at([0, 3])), [0, 3])


def test_fine_tuning_descends_towards_the_minimum(recipe: Recipe) -> None:
    # 0 -> 0.1·1 -> 0.1 + 0.1·0.9
    assert_at(adapted(recipe, "steps", QuadraticEngine(at([1, 2], 4)), at([0, 0])), [0.19, 0.38], 0.76)


def test_fine_tuning_with_a_proximal_term_stays_near_the_start(recipe: Recipe) -> None:
    # (0 + 0.1·1) / (1 + 0.1·10) = 0.05, (0.05 + 0.1·0.95) / 2 = 0.0725
    assert_at(adapted(recipe, "steps", QuadraticEngine(at([1, 2])), at([0, 0]), proximal=10.0), [0.0725, 0.145])


def test_clusters_trains_from_the_start_with_the_least_loss(recipe: Recipe) -> None:
    quadratic = QuadraticEngine(at([1, 2]))
    # The second start is 0.5 off in one number, the first 1. Two steps leave 0.81 of the difference.
    assert_at(adapted(recipe, "clusters", quadratic, at([1, 1]), at([1, 1.5])), [1, 2 - 0.405])


def test_clusters_pulls_to_the_chosen_start(recipe: Recipe) -> None:
    found = adapted(recipe, "clusters", QuadraticEngine(at([1, 2])), at([0, 0]), at([1, 1]), proximal=1e9)
    assert_at(found, [1, 1])


def test_clusters_without_steps_returns_the_chosen_start(recipe: Recipe) -> None:
    starts = at([5, 5]), at([1, 1])
    assert adapted(recipe, "clusters", QuadraticEngine(at([1, 2])), *starts, steps=0) is starts[1]


def test_clusters_takes_the_first_start_of_a_tie(recipe: Recipe) -> None:
    starts = at([0, 2]), at([2, 2])
    assert adapted(recipe, "clusters", QuadraticEngine(at([1, 2])), *starts, steps=0) is starts[0]


def test_clusters_with_one_start_equals_fine_tuning(recipe: Recipe) -> None:
    quadratic, start = QuadraticEngine(at([1, 2], 4)), at([0, 1])
    one, other = adapted(recipe, "clusters", quadratic, start), adapted(recipe, "steps", quadratic, start)
    assert_at(one, list(other.bias), float(other.lora_a[0, 0]))


@pytest.mark.parametrize(
    ("tail", "share"),
    [
        (at([0, 0]), 1.0),  # the shared start fits
        (at([0.19, 0.38]), 0.0),  # the own adapter fits
        (at([0.1, 0.19]), 0.5),  # the middle is the nearest of 0, 0.25, 0.5, 0.75, 1
        (at([0.05, 0.10]), 0.75),
    ],
)
def test_interpolate_chooses_the_share_with_the_least_loss_on_the_tail(
    recipe: Recipe, tail: Adapter, share: float
) -> None:
    quadratic = QuadraticEngine(at([1, 2]), tail)
    found = adapted(recipe, "interpolate", quadratic, at([0, 0]), tail=text(1), constants={"grid": 5.0})
    assert_at(found, [(1 - share) * 0.19, (1 - share) * 0.38])


def test_interpolate_without_a_tail_returns_the_shared_start(recipe: Recipe) -> None:
    assert_at(adapted(recipe, "interpolate", QuadraticEngine(at([1, 2])), at([0, 3]), constants={"grid": 11.0}), [0, 3])


@pytest.mark.parametrize(
    ("tail", "share", "own"),
    [
        # Through λ = 0.5 the first step moves v by 0.1·0.5·(1, 2), the second by 0.1·0.5·0.975·(1, 2): 0.09875·(1, 2).
        (at([0, 0]), 0.0, 0.0),
        (at([0.05, 0.1]), 0.5, 0.09875),
        (at([0.19, 0.38]), 1.0, 0.19),
    ],
)
def test_mapper_trains_through_each_share_and_chooses_on_the_tail(
    recipe: Recipe, tail: Adapter, share: float, own: float
) -> None:
    quadratic = QuadraticEngine(at([1, 2]), tail)
    found = adapted(recipe, "mapper", quadratic, at([0, 0]), tail=text(1), constants={"grid": 3.0})
    assert_at(found, [share * own, share * 2 * own])


def test_mapper_without_a_tail_returns_the_shared_start(recipe: Recipe) -> None:
    assert_at(adapted(recipe, "mapper", QuadraticEngine(at([1, 2])), at([0, 3]), constants={"grid": 4.0}), [0, 3])


def em(recipe: Recipe, *starts: Adapter, iterations: int, **changes: Any) -> Adapter:
    return adapted(
        recipe, "fed_em", QuadraticEngine(at([1, 2])), *starts, constants={"iterations": float(iterations)}, **changes
    )


@pytest.mark.parametrize(("iterations", "share"), [(0, 0.5), (1, 0.75), (2, 0.9)])
def test_fed_em_mixes_the_starts_by_their_responsibilities(recipe: Recipe, iterations: int, share: float) -> None:
    # The second start's loss is ln 3 above the first one's, so each iteration multiplies its odds by 1/3.
    away = float(np.sqrt(2 * np.log(3)))
    found = em(recipe, at([1, 2]), at([1 + away, 2]), iterations=iterations, steps=0)
    assert_at(found, [1 + (1 - share) * away, 2])


def test_fed_em_takes_its_steps_from_the_mixture_and_is_pulled_to_it(recipe: Recipe) -> None:
    starts = at([0, 0]), at([2, 4])  # as far from (1, 2) as each other: the mixture is in the middle
    assert_at(em(recipe, *starts, iterations=5), [1, 2])
    assert_at(em(recipe, at([0, 0]), at([0, 4]), iterations=5, steps=0), [0, 2])
    assert_at(em(recipe, at([0, 0]), at([0, 4]), iterations=5), [0.19, 2])
    assert_at(em(recipe, at([0, 0]), at([0, 4]), iterations=5, proximal=10.0), [0.0725, 2])


def test_fed_em_with_one_start_equals_fine_tuning(recipe: Recipe) -> None:
    one, other = em(recipe, at([0, 1]), iterations=3), adapted(recipe, "steps", QuadraticEngine(at([1, 2])), at([0, 1]))
    assert_at(one, list(other.bias))


@pytest.mark.parametrize("iterations", [0, 1, 20])
def test_the_weights_of_a_mixture_stay_finite_and_ignore_an_offset(iterations: int) -> None:
    logs = np.array([[-2000.0, -2001.0], [-3.0, -900.0], [-1.0, -1.0]])
    found = mixture_weights(logs, iterations)
    assert found.sum() == pytest.approx(1) and np.isfinite(found).all()
    np.testing.assert_allclose(found, mixture_weights(logs + np.array([[5.0], [-5.0], [70.0]]), iterations))
    np.testing.assert_allclose(mixture_weights(np.zeros((0, 4)), iterations), np.full(4, 0.25))


def test_apfl_matches_a_calculation_by_hand(recipe: Recipe) -> None:
    # w = v = 0, α = 0.5. Step 1: θ̄ = 0, g = (−1, −2), ⟨v − w, g⟩ = 0; v = 0.05·(1, 2), α stays.
    # Step 2: θ̄ = (0.025, 0.05), g = (−0.975, −1.95), ⟨v − w, g⟩ = −0.24375; v += 0.05·(0.975, 1.95), α = 0.74375.
    found = adapted(
        recipe, "apfl", QuadraticEngine(at([1, 2])), at([0, 0]), constants={"alpha": 0.5, "alpha_rate": 1.0}
    )
    assert_at(found, [0.74375 * 0.09875, 0.74375 * 0.1975])


def test_apfl_uses_both_rates_scaled_by_the_evidence(recipe: Recipe) -> None:
    # One piece of evidence 3 more: a quarter of the rates. One step with α = 1: v = w − η·g.
    constants = {"alpha": 1.0, "alpha_rate": 0.0}
    changes = {"steps": 1, "learning_rate": 0.4, "bias_rate": 0.8, "evidence": 3.0, "constants": constants}
    assert_at(adapted(recipe, "apfl", QuadraticEngine(at([1, 2], 4)), at([0, 0]), **changes), [0.2, 0.4], 0.4)


def test_apfl_clips_the_gradient(recipe: Recipe) -> None:
    constants = {"alpha": 1.0, "alpha_rate": 0.0}
    found = adapted(recipe, "apfl", QuadraticEngine(at([3, 4])), at([0, 0]), steps=1, clip=1.0, constants=constants)
    assert_at(found, [0.06, 0.08])


def test_apfl_with_share_0_is_the_shared_start_and_with_share_1_fine_tuning(recipe: Recipe) -> None:
    quadratic, start = QuadraticEngine(at([1, 2], 4)), at([0, 1], 1)
    shared = adapted(recipe, "apfl", quadratic, start, constants={"alpha": 0.0, "alpha_rate": 0.0})
    assert_at(shared, [0, 1], 1)
    own = adapted(recipe, "apfl", quadratic, start, constants={"alpha": 1.0, "alpha_rate": 0.0}, proximal=5.0)
    plain = adapted(recipe, "steps", quadratic, start)
    assert_at(own, list(plain.bias), float(plain.lora_a[0, 0]))


def test_apfl_keeps_the_share_between_0_and_1(recipe: Recipe) -> None:
    quadratic, start = QuadraticEngine(at([1, 2])), at([0, 0])
    up = adapted(recipe, "apfl", quadratic, start, constants={"alpha": 0.5, "alpha_rate": 1e6})
    assert_at(up, [0.09875, 0.1975])  # v after two steps, as by hand, with the whole weight
    # Past the point, in one step of ten times the length, the share falls to nothing: w.
    down = adapted(recipe, "apfl", quadratic, start, bias_rate=10.0, constants={"alpha": 0.5, "alpha_rate": 1e6})
    assert_at(down, [0, 0])


def marginals(recipe: Recipe, start: Adapter, strength: float, few: float, **changes: Any) -> Adapter:
    # Piece 0 was typed once. The gradient there is start − (1, 2): 1 + that is how often it was expected.
    constants = {"strength": strength, "pseudo_count": few}
    return adapted(recipe, "marginals", QuadraticEngine(at([1, 2], 4)), start, constants=constants, **changes)


def test_marginals_match_a_calculation_by_hand(recipe: Recipe) -> None:
    found = marginals(recipe, at([0.5, 1], 3), 2.0, 3.0, steps=0)  # typed 1, expected 1 − 0.5
    assert_at(found, [0.5 + 2 * np.log(4 / 3.5), 1], 3)


def test_marginals_ignore_the_clip_and_expected_counts_are_never_negative(recipe: Recipe) -> None:
    assert_at(marginals(recipe, at([-5, 1]), 1.0, 1.0, steps=0, clip=0.01), [-5 + np.log(2 / 1), 1])


def test_marginals_train_from_the_moved_start_and_pull_to_it(recipe: Recipe) -> None:
    begun = [0.5 + np.log(4 / 3.5), 1.0]
    stepped = adapted(recipe, "steps", QuadraticEngine(at([1, 2], 4)), at(begun, 3), proximal=10.0)
    found = marginals(recipe, at([0.5, 1], 3), 1.0, 3.0, proximal=10.0)
    assert_at(found, list(stepped.bias), float(stepped.lora_a[0, 0]))


def test_marginals_with_strength_0_equal_fine_tuning(recipe: Recipe) -> None:
    own = adapted(recipe, "steps", QuadraticEngine(at([1, 2], 4)), at([0, 0]))
    assert_at(marginals(recipe, at([0, 0]), 0.0, 1.0), list(own.bias), float(own.lora_a[0, 0]))
